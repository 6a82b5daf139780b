"""Orders and revenue."""

from grafana.boards.panels import Panel, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantiles
from grafana.boards.shop.counters import BESIDE, PLACED, RESPONSES, per_minute, total
from grafana.boards.thresholds import NONE_IS_GOOD

OUT_OF_STOCK = 'pomar_orders_total{$selector,outcome="out_of_stock"}'

ORDERS = Query(per_minute(PLACED), "orders")
REVENUE = Query(
    "3600 * " + or_zero("sum(rate(pomar_order_value_euros_sum{$selector}[$__rate_interval]))", BESIDE), "revenue"
)
OUT_OF_STOCK_TOTAL = Query(total(OUT_OF_STOCK), instant=True)

BY_OUTCOME = [
    Query(per_minute(f'pomar_orders_total{{$selector,outcome="{outcome}"}}'), name)
    for outcome, name in (("placed", "placed"), ("out_of_stock", "out of stock"), ("repeated", "repeated"))
]
# Responses to submitted checkout forms that did not become an order.
REJECTED_CHECKOUTS = [
    Query(per_minute(f'{RESPONSES}{{$selector,view="checkout:checkout",method="POST",status=~"{status}"}}'), name)
    for status, name in (
        ("400", "invalid form"),
        ("409", "out of stock"),
        ("403", "CSRF check failed"),
        ("5..", "server error"),
    )
]
VALUES = "pomar_order_value_euros_bucket{$selector}"
MEAN_VALUE = Query(
    "sum(rate(pomar_order_value_euros_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(pomar_order_value_euros_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)


def rate() -> Panel:
    return stat(
        "Orders",
        "suffix: orders/min",
        "Orders placed per minute. A drop while pages are still being viewed is a problem that no status code shows.",
        ORDERS,
        runbook="NoOrders",
    )


def revenue() -> Panel:
    return stat(
        "Revenue",
        "suffix: €/h",
        "Euros per hour at the current rate. Revenue follows the orders; if only revenue falls, orders are getting"
        " smaller.",
        REVENUE,
        decimals=0,
    )


def out_of_stock() -> Panel:
    return stat(
        "Out-of-stock checkouts",
        "short",
        "Checkouts rejected for lack of stock in the selected time range. Should be 0, because each one is a lost"
        " customer.",
        OUT_OF_STOCK_TOTAL,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
    )


def by_outcome() -> Panel:
    return timeseries(
        "Orders by outcome",
        "suffix: /min",
        "Most should be placed. Out-of-stock orders were rejected. Repeated means that a form was sent twice, which"
        " does not create a second order; a rise means that the checkout is slow.",
        *BY_OUTCOME,
        stacked=True,
    )


def rejected_checkouts() -> Panel:
    return timeseries(
        "Rejected checkouts",
        "suffix: /min",
        "Checkout forms that did not become an order. Some invalid forms are normal; a rise means that the form is"
        " hard to fill in. Server errors should be 0.",
        *REJECTED_CHECKOUTS,
        runbook="CheckoutFailing",
    )


def revenue_over_time() -> Panel:
    return timeseries("Revenue over time", "suffix: €/h", "Euros per hour. A gap shows what an outage costs.", REVENUE)


def value() -> Panel:
    return timeseries(
        "Order value",
        "currencyEUR",
        "The mean is exact; quantiles are estimated from buckets. A jump comes from a wrong price or a single large"
        " order.",
        *quantiles(VALUES),
        MEAN_VALUE,
        width=12,
    )


def value_heatmap() -> Panel:
    return heatmap(
        "Order value heatmap",
        "currencyEUR",
        "Orders by value. One broad band is normal; a new band comes from a new kind of customer or a wrong price.",
        VALUES,
        cells="suffix: orders/s",
        width=12,
    )
