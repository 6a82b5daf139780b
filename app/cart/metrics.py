"""What the cart counts: called by its services at the business moment, after the commit, and never by a view."""

from prometheus_client import Counter

CART_ITEMS = Counter("pomar_cart_items", "Units put into, changed in or taken out of carts, by action.", ["action"])

# At 0 from the start of the worker: Prometheus sees no increase in a series that begins with its first events.
for _action in ("add", "update", "remove"):
    CART_ITEMS.labels(action=_action)


def cart_added(*, units: int) -> None:
    """Count units put into a cart."""
    CART_ITEMS.labels(action="add").inc(units)


def cart_updated(*, units: int) -> None:
    """Count units by which a line of a cart was changed (the absolute difference)."""
    CART_ITEMS.labels(action="update").inc(units)


def cart_removed(*, units: int) -> None:
    """Count units taken out with a line of a cart."""
    CART_ITEMS.labels(action="remove").inc(units)
