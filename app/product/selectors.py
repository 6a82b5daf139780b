"""Queries for the catalogue."""

import logging
from typing import NamedTuple

from django.core.cache import caches
from django.db.models import Q, QuerySet

from product.models import Category, Product

CATEGORIES_KEY = "product:categories"
CATEGORIES_SECONDS = 15

logger = logging.getLogger(__name__)


class Shelf(NamedTuple):
    """A category in the navigation."""

    slug: str
    name: str


def categories_for_navigation() -> list[Shelf]:
    """Return the categories in order, cached for up to 15 seconds.

    If the cache fails, the categories are read from the database.
    """
    cache = caches["default"]  # outside the try block: a backend that cannot be loaded is a configuration error
    try:
        shelves = cache.get(CATEGORIES_KEY)
    except Exception as error:
        logger.warning("Cannot read from the cache, using the database for the categories: %s", error)
        return _shelves()
    if shelves is None:
        shelves = _shelves()
        try:
            cache.set(CATEGORIES_KEY, shelves, CATEGORIES_SECONDS)
        except Exception as error:
            logger.warning("Cannot write to the cache: %s", error)
    return shelves


def _shelves() -> list[Shelf]:
    return [Shelf(slug, name) for slug, name in Category.objects.values_list("slug", "name")]


def products(*, category: str | None = None) -> QuerySet[Product]:
    """Return all products, or one category's products, in category order."""
    found = Product.objects.all()
    return found if category is None else found.filter(category__slug=category)


def products_matching(*, text: str) -> QuerySet[Product]:
    """Return the products whose name, description or category contain every word of ``text``."""
    found = products()
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(category__name__icontains=word)
        )
    return found
