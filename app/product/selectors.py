"""What is read from the catalogue."""

import logging
from typing import NamedTuple

from django.core.cache import caches
from django.db.models import Q, QuerySet

from product.models import Category, Product

CATEGORIES_KEY = "product:categories"
CATEGORIES_SECONDS = 15

logger = logging.getLogger(__name__)


class Shelf(NamedTuple):
    """What the navigation shows of a category."""

    slug: str
    name: str


def categories_for_navigation() -> list[Shelf]:
    """The shelves in their order, from the cache for up to 15 seconds.

    A cache that fails is a miss: the shop goes on without it.
    """
    cache = caches["default"]  # outside of try: a backend that cannot be loaded is no miss but a mistake
    try:
        shelves = cache.get(CATEGORIES_KEY)
    except Exception as problem:
        logger.warning("The cache does not answer, categories come from the database: %s", problem)
        return _shelves()
    if shelves is None:
        shelves = _shelves()
        try:
            cache.set(CATEGORIES_KEY, shelves, CATEGORIES_SECONDS)
        except Exception as problem:
            logger.warning("The cache does not store: %s", problem)
    return shelves


def _shelves() -> list[Shelf]:
    return [Shelf(slug, name) for slug, name in Category.objects.values_list("slug", "name")]


def products(*, category: str | None = None) -> QuerySet[Product]:
    """All products, or those of one category, in the order of the shelves."""
    found = Product.objects.all()
    return found if category is None else found.filter(category__slug=category)


def products_matching(*, text: str) -> QuerySet[Product]:
    """Products in whose name, description or category every word of ``text`` occurs."""
    found = products()
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(category__name__icontains=word)
        )
    return found
