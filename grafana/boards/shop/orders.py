"""Orders and money."""

from grafana.boards.panels import Panel, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantiles
from grafana.boards.shop.counters import ANSWERS, BESIDE, PLACED, a_minute, in_all
from grafana.boards.thresholds import NONE_IS_GOOD

OUT_OF_STOCK = 'pomar_orders_total{$selector,outcome="out_of_stock"}'

ORDERS = Query(a_minute(PLACED), "orders")
REVENUE = Query(
    "3600 * " + or_zero("sum(rate(pomar_order_value_euros_sum{$selector}[$__rate_interval]))", BESIDE), "revenue"
)
REFUSED_FOR_STOCK = Query(in_all(OUT_OF_STOCK), instant=True)

BY_OUTCOME = [
    Query(a_minute(f'pomar_orders_total{{$selector,outcome="{outcome}"}}'), name)
    for outcome, name in (("placed", "placed"), ("out_of_stock", "out of stock"), ("repeated", "repeated"))
]
# What the checkout answers to a form that made no order.
CHECKOUT_REFUSALS = [
    Query(a_minute(f'{ANSWERS}{{$selector,view="checkout:checkout",method="POST",status=~"{status}"}}'), name)
    for status, name in (
        ("400", "filled in wrongly"),
        ("409", "out of stock"),
        ("403", "not the shop's own form"),
        ("5..", "the shop's fault"),
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
        "Orders placed a minute. A fall while pages are still looked at is a fault that no status tells.",
        ORDERS,
        runbook="NoOrders",
    )


def revenue() -> Panel:
    return stat(
        "Revenue",
        "suffix: €/h",
        "Euros an hour, at the pace of this moment. It follows the orders; alone it falls when they get smaller.",
        REVENUE,
        decimals=0,
    )


def refused_for_stock() -> Panel:
    return stat(
        "Refused for stock",
        "short",
        "Checkouts in the time shown that the stock did not cover. Good is 0: each is a customer lost.",
        REFUSED_FOR_STOCK,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
    )


def by_outcome() -> Panel:
    return timeseries(
        "Orders by outcome",
        "suffix: /min",
        "Good is placed. Out of stock was refused. Repeated is a form sent twice, which makes no second order; a"
        " rise of it is a slow checkout.",
        *BY_OUTCOME,
        stacked=True,
    )


def checkouts_without_an_order() -> Panel:
    return timeseries(
        "Checkouts without an order",
        "suffix: /min",
        "Forms that were sent and refused. Some filled in wrongly are normal, a rise is a form that is hard to"
        " read. The shop's fault is 0 when it is good.",
        *CHECKOUT_REFUSALS,
        runbook="CheckoutFailing",
    )


def revenue_over_time() -> Panel:
    return timeseries(
        "Revenue over time", "suffix: €/h", "Euros an hour. A hole here is what an outage costs.", REVENUE
    )


def value() -> Panel:
    return timeseries(
        "Value of an order",
        "currencyEUR",
        "The mean is exact, quantiles are read from steps. A jump is a wrong price or one large order.",
        *quantiles(VALUES),
        MEAN_VALUE,
        width=12,
    )


def all_values() -> Panel:
    return heatmap(
        "Value of orders, all of them",
        "currencyEUR",
        "Each order by its value. One broad band is good; a new one is a new kind of customer or a wrong price.",
        VALUES,
        cells="suffix: orders/s",
        width=12,
    )
