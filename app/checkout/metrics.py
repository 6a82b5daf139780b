"""What a shopkeeper asks of the shop, as metrics.

Each function is called by a service at the business moment, after the commit (``transaction.on_commit``);
never from a view or a template. Labels come from small fixed sets, so no visitor can make a new series.
"""

from decimal import Decimal

from prometheus_client import Counter, Histogram

ORDERS = Counter("pomar_orders", "Checkouts that reached a decision, by outcome.", ["outcome"])
ORDER_VALUE = Histogram(
    "pomar_order_value_euros",
    "Value of placed orders in euros.",
    buckets=(5, 10, 20, 30, 50, 75, 100, 150, 250, 500),
)
ITEMS_SOLD = Counter("pomar_items_sold", "Units sold in placed orders, by category.", ["category"])
CART_ITEMS = Counter("pomar_cart_items", "Units put into, changed in or taken out of carts, by action.", ["action"])
SEARCHES = Counter("pomar_searches", "Searches in the catalogue, by outcome.", ["outcome"])

# Each label value that is known exists at 0 from the start of the worker: Prometheus sees no increase in a series that
# begins with its first events. The categories are the shopkeeper's, so those of ITEMS_SOLD are not known.
for _counter, _label, _values in (
    (ORDERS, "outcome", ("placed", "out_of_stock", "repeated")),
    (CART_ITEMS, "action", ("add", "update", "remove")),
    (SEARCHES, "outcome", ("found", "nothing")),
):
    for _value in _values:
        _counter.labels(**{_label: _value})


def order_placed(*, value: Decimal, units_by_category: dict[str, int]) -> None:
    """Count one order that was committed: its value in euros, its units by category slug."""
    ORDERS.labels(outcome="placed").inc()
    ORDER_VALUE.observe(float(value))
    for category, units in units_by_category.items():
        ITEMS_SOLD.labels(category=category).inc(units)


def order_refused_for_stock() -> None:
    """Count one checkout that ended because the stock did not cover it."""
    ORDERS.labels(outcome="out_of_stock").inc()


def order_repeated() -> None:
    """Count one repeated submit of an order that exists already: no second order was made."""
    ORDERS.labels(outcome="repeated").inc()


def cart_added(*, units: int) -> None:
    """Count units put into a cart."""
    CART_ITEMS.labels(action="add").inc(units)


def cart_updated(*, units: int) -> None:
    """Count units by which a line of a cart was changed (the absolute difference)."""
    CART_ITEMS.labels(action="update").inc(units)


def cart_removed(*, units: int) -> None:
    """Count units taken out with a line of a cart."""
    CART_ITEMS.labels(action="remove").inc(units)


def search_made(*, found: bool) -> None:
    """Count one search by whether it found anything."""
    SEARCHES.labels(outcome="found" if found else "nothing").inc()
