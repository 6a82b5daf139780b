"""Carts, and how many of them become orders."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.shop.counters import PLACED, RESPONSES, per_minute, total

NEW_CARTS = 'django_model_inserts_total{$selector,model="cart"}'
CONVERSION = Query(f"{total(PLACED)} / ({total(NEW_CARTS)} > 0)", instant=True)

UNITS_PER_ORDER = Query(
    f"sum(rate(pomar_items_sold_total{{$selector}}[$__rate_interval])) / (sum(rate({PLACED}[$__rate_interval])) > 0)",
    "units",
)
PRODUCTS_PER_ORDER = Query(
    'sum(rate(django_model_inserts_total{$selector,model="order_line"}[$__rate_interval]))'
    ' / (sum(rate(django_model_inserts_total{$selector,model="order"}[$__rate_interval])) > 0)',
    "products",
)
UNITS_BY_ACTION = Query(
    "60 * sum by (action) (rate(pomar_cart_items_total{$selector}[$__rate_interval]))", "{{action}}"
)
CARTS = [
    Query(per_minute(NEW_CARTS), "new carts"),
    Query(per_minute(PLACED), "orders placed"),
]
REJECTED = [
    Query(per_minute(f'{RESPONSES}{{$selector,view="{view}",status=~"4.."}}'), name)
    for view, name in (("product:add-to-cart", "add"), ("cart:update", "update"), ("cart:remove", "remove"))
]


def conversion() -> Panel:
    return stat(
        "Conversion rate",
        "percentunit",
        "Orders placed per new cart in the selected time range. Compare it with earlier values. A drop means that"
        " people are giving up at the cart or the checkout.",
        CONVERSION,
        sparkline=False,
    )


def order_size() -> Panel:
    return timeseries(
        "Order size",
        "short",
        "Mean number of units and of different products per order. Should be steady; a drop means that carts are"
        " losing items or products are sold out.",
        UNITS_PER_ORDER,
        PRODUCTS_PER_ORDER,
        width=6,
    )


def units_by_action() -> Panel:
    return timeseries(
        "Cart units by action",
        "suffix: units/min",
        "Units added, changed and removed. If people remove more than usual, something in the cart surprises them,"
        " such as a price or the stock.",
        UNITS_BY_ACTION,
        width=6,
    )


def carts_and_orders() -> Panel:
    return timeseries(
        "Carts and orders",
        "suffix: /min",
        "New carts and placed orders. The gap is abandoned carts. If it grows, something between cart and order is"
        " broken.",
        *CARTS,
        width=6,
    )


def rejected() -> Panel:
    return timeseries(
        "Rejected cart requests",
        "suffix: /min",
        "Rejected cart requests, by action. Some impossible quantities are normal; a rise means that a form is broken.",
        *REJECTED,
        width=6,
    )
