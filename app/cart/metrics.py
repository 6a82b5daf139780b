"""Cart metrics. Only the cart's services call these functions, after the transaction has committed."""

from prometheus_client import Counter

CART_ITEMS = Counter("pomar_cart_items", "Units added to, changed in or removed from carts, by action.", ["action"])

# Create every series at 0 when the worker starts. If a new series starts above 0, Prometheus misses the increase.
for _action in ("add", "update", "remove"):
    CART_ITEMS.labels(action=_action)


def cart_added(*, units: int) -> None:
    """Count units added to a cart."""
    CART_ITEMS.labels(action="add").inc(units)


def cart_updated(*, units: int) -> None:
    """Count a change in a cart line's quantity. ``units`` is the absolute difference."""
    CART_ITEMS.labels(action="update").inc(units)


def cart_removed(*, units: int) -> None:
    """Count the units in a removed cart line."""
    CART_ITEMS.labels(action="remove").inc(units)
