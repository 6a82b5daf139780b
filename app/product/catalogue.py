"""Read the catalogue's data file, which lists what the shop sells."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("catalogue.json")
CATEGORIES: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))["categories"]


class Item(NamedTuple):
    """A product in the data file. The file also describes its picture, which is not read here."""

    slug: str
    category: str
    name: str
    description: str
    price: Decimal
    unit: str
    stock: int


@cache
def items() -> tuple[Item, ...]:
    """Return every product, in the order of the file."""
    return tuple(
        Item(
            slug=entry["slug"],
            category=entry["category"],
            name=entry["name"],
            description=entry["description"],
            price=Decimal(entry["price"]),
            unit=entry["unit"],
            stock=entry["stock"],
        )
        for entry in json.loads(FILE.read_text(encoding="utf-8"))["products"]
    )
