"""What changes the catalogue, and what is counted about it."""

from typing import NamedTuple

from django.db import transaction

from product import catalogue, metrics, selectors
from product.models import Category, Product


class Seeded(NamedTuple):
    """What a seeding did, in products."""

    created: int
    updated: int
    unchanged: int
    restocked: int


def product_search(*, text: str, most: int) -> tuple[list[Product], bool]:
    """Search the catalogue and count the search: at most ``most`` products, and whether there are more."""
    found = list(selectors.products_matching(text=text)[: most + 1])
    transaction.on_commit(lambda: metrics.search_made(found=bool(found)), robust=True)
    return found[:most], len(found) > most


@transaction.atomic
def catalogue_seed(*, restock: bool = False, stock: int | None = None) -> Seeded:
    """Bring categories and products to the state of the catalogue's data file, as often as one likes.

    Texts and prices are always set, stock only for new products. With ``restock`` the stock of every
    product of the catalogue is set: to its catalogue value, or to ``stock`` when that is given.
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
