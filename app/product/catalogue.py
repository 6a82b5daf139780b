"""The catalogue's data file, read: what the shop sells, and what each picture shows."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("catalogue.json")
CATEGORIES: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))["categories"]


class Item(NamedTuple):
    """A product of the data file; ``scene`` and ``fruits`` are what its picture is drawn from."""

    slug: str
    category: str
    name: str
    description: str
    price: Decimal
    unit: str
    stock: int
    scene: str
    fruits: tuple[str, ...]


@cache
def items() -> tuple[Item, ...]:
    """Every product, in the file's order."""
    return tuple(
        Item(
            slug=entry["slug"],
            category=entry["category"],
            name=entry["name"],
            description=entry["description"],
            price=Decimal(entry["price"]),
            unit=entry["unit"],
            stock=entry["stock"],
            scene=entry["picture"]["scene"],
            fruits=tuple(entry["picture"]["of"]),
        )
        for entry in json.loads(FILE.read_text(encoding="utf-8"))["products"]
    )
