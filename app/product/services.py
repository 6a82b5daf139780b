"""Seed the catalogue, and search it. Searches are counted."""

from typing import NamedTuple

from django.db import transaction

from product import catalogue, metrics, selectors
from product.models import Category, Product


class Seeded(NamedTuple):
    """How many products seeding has created, updated, left unchanged and restocked."""

    created: int
    updated: int
    unchanged: int
    restocked: int


def product_search(*, text: str, limit: int) -> tuple[list[Product], bool]:
    """Search the catalogue and count the search. Return up to ``limit`` products, and whether there are more."""
    found = list(selectors.products_matching(text=text)[: limit + 1])
    transaction.on_commit(lambda: metrics.search_made(found=bool(found)), robust=True)
    return found[:limit], len(found) > limit


@transaction.atomic
def catalogue_seed(*, restock: bool = False, stock: int | None = None) -> Seeded:
    """Create or update the categories and products in the data file. Running it again is safe.

    Texts and prices are always updated. Stock is set only for new products, unless ``restock`` is true. In that case,
    the stock of every product in the data file is set to the file's value, or to ``stock`` if given.
    """
    categories = {}
    for position, (slug, name) in enumerate(catalogue.CATEGORIES.items(), start=1):
        categories[slug], _ = Category.objects.update_or_create(
            slug=slug, defaults={"name": name, "position": position}
        )
    known = {product.slug: product for product in Product.objects.select_for_update().order_by("pk")}
    created = updated = restocked = 0
    for item in catalogue.items():
        wanted = {
            "category_id": categories[item.category].pk,
            "name": item.name,
            "description": item.description,
            "price": item.price,
            "unit": item.unit,
        }
        product = known.get(item.slug)
        if product is None:
            product = Product.objects.create(slug=item.slug, stock=item.stock, **wanted)
            created += 1
        elif any(getattr(product, field) != value for field, value in wanted.items()):
            for field, value in wanted.items():
                setattr(product, field, value)
            product.save(update_fields=list(wanted))
            updated += 1
        level = item.stock if stock is None else stock
        if restock and product.stock != level:
            product.stock = level
            product.save(update_fields=["stock"])
            restocked += 1
    return Seeded(created, updated, len(catalogue.items()) - created - updated, restocked)
