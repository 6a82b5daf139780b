"""Checkout metrics. Only the checkout's services call these functions, after the transaction has committed.

Label values come from small fixed sets, so visitors cannot create new series.
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

# Create every series at 0 when the worker starts. If a new series starts above 0, Prometheus misses the increase.
# ITEMS_SOLD is not included, because its categories are in the database and not known here.
for _outcome in ("placed", "out_of_stock", "repeated"):
    ORDERS.labels(outcome=_outcome)


def order_placed(*, value: Decimal, units_by_category: dict[str, int]) -> None:
    """Count one committed order: its value in euros and its units by category slug."""
    ORDERS.labels(outcome="placed").inc()
    ORDER_VALUE.observe(float(value))
    for category, units in units_by_category.items():
        ITEMS_SOLD.labels(category=category).inc(units)


def order_refused_for_stock() -> None:
    """Count one checkout that was refused because of insufficient stock."""
    ORDERS.labels(outcome="out_of_stock").inc()


def order_repeated() -> None:
    """Count one repeated submission of an existing order, which did not create a second one."""
    ORDERS.labels(outcome="repeated").inc()
