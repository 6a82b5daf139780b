"""What the checkout counts: called by its services at the business moment, after the commit, and never by a view.

Labels come from small fixed sets, so that no visitor can create a series.
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

# At 0 from the start of the worker: Prometheus sees no increase in a series that begins with its first events. The
# categories are the shopkeeper's, so those of ITEMS_SOLD are not known.
for _outcome in ("placed", "out_of_stock", "repeated"):
    ORDERS.labels(outcome=_outcome)


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
