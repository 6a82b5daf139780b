"""Helpers for the shop's tests. They act as a visitor, read data attributes from pages, and watch counters."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import count
from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from product.models import Category, Product
from prometheus_client import REGISTRY

DELIVERY = {
    "name": "Ana Pomar",
    "email": "ana@pomar.example",
    "street": "Rua das Macieiras 12",
    "postal_code": "2560-123",
    "city": "Torres Vedras",
}
_numbers = count(1)


def make_product(**fields: Any) -> Product:
    """Create a product, with a stock of 10 and in the category fruit unless ``fields`` says otherwise."""
    number = next(_numbers)
    slug = fields.pop("category", "fruit")
    category, _ = Category.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
    defaults = {"slug": f"apple-{number}", "name": f"Apple {number}", "price": "2.50", "unit": "1 kg", "stock": 10}
    return Product.objects.create(category=category, **defaults | {"description": "Crisp."} | fields)


class Shopper(Client):
    """A visitor with their own cookies. The requests look as if they came over HTTPS through NGINX."""

    def __init__(self, **more: Any) -> None:
        super().__init__(headers={"host": "localhost:8443", "x-forwarded-proto": "https"}, **more)

    def add(self, product: Product, quantity: object = 1) -> HttpResponse:
        """Add a product to the cart."""
        return self.post(reverse("product:add-to-cart", args=[product.slug]), {"quantity": quantity})

    def update(self, product: Product, quantity: object) -> HttpResponse:
        """Change the quantity of a product in the cart."""
        return self.post(reverse("cart:update"), {"product": product.slug, "quantity": quantity})

    def remove(self, product: Product) -> HttpResponse:
        """Remove a product from the cart."""
        return self.post(reverse("cart:remove"), {"product": product.slug})

    def checkout(self, **fields: object) -> HttpResponse:
        """Submit a valid checkout form, in which ``fields`` replace the default values."""
        return self.post(reverse("checkout:checkout"), DELIVERY | {"token": str(uuid4())} | fields)

    def units(self) -> int:
        """Return the number of units in the cart, as shown in the page header."""
        return int(mark(self.get(reverse("cart:cart-summary")), "data-cart-units"))


def marks(response: HttpResponse, name: str) -> list[str]:
    """Return all values of a data attribute on a page."""
    return [unescape(value) for value in re.findall(rf'{name}="([^"]*)"', response.content.decode())]


def mark(response: HttpResponse, name: str) -> str:
    """Return the value of a data attribute that occurs once on the page."""
    (value,) = marks(response, name)
    return value


def counted(name: str, **labels: str) -> float:
    """Return the value of a counter, or 0 if the series does not exist."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def growth(name: str, **labels: str) -> Iterator[list[float]]:
    """Yield an empty list. At the end of the block, append the counter's increase during the block to it."""
    result: list[float] = []
    before = counted(name, **labels)
    yield result
    result.append(counted(name, **labels) - before)
