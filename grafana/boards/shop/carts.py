"""Carts, and how many become orders."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.shop.counters import ANSWERS, PLACED, a_minute, in_all

NEW_CARTS = 'django_model_inserts_total{$selector,model="cart"}'
CONVERSION = Query(f"{in_all(PLACED)} / ({in_all(NEW_CARTS)} > 0)", instant=True)

UNITS_AN_ORDER = Query(
    f"sum(rate(pomar_items_sold_total{{$selector}}[$__rate_interval])) / (sum(rate({PLACED}[$__rate_interval])) > 0)",
    "units",
)
PRODUCTS_AN_ORDER = Query(
    'sum(rate(django_model_inserts_total{$selector,model="order_line"}[$__rate_interval]))'
    ' / (sum(rate(django_model_inserts_total{$selector,model="order"}[$__rate_interval])) > 0)',
    "products",
)
UNITS_BY_ACTION = Query(
    "60 * sum by (action) (rate(pomar_cart_items_total{$selector}[$__rate_interval]))", "{{action}}"
)
CARTS = [
    Query(a_minute(NEW_CARTS), "new carts"),
    Query(a_minute(PLACED), "orders placed"),
]
CART_REFUSALS = [
    Query(a_minute(f'{ANSWERS}{{$selector,view="{view}",status=~"4.."}}'), name)
    for view, name in (("product:add-to-cart", "put in"), ("cart:update", "change"), ("cart:remove", "take out"))
]


def conversion() -> Panel:
    return stat(
        "Orders a new cart",
        "percentunit",
        "Orders placed by carts begun, in the time shown: the conversion. Compare it with its own past; a fall is"
        " a cart or a checkout that people give up.",
        CONVERSION,
        sparkline=False,
    )


def size_of_an_order() -> Panel:
    return timeseries(
        "Size of an order",
        "short",
        "Units and different products an order, on average. It is steady; a fall is a cart that loses things, or"
        " products that are sold out.",
        UNITS_AN_ORDER,
        PRODUCTS_AN_ORDER,
        width=6,
    )


def units_by_action() -> Panel:
    return timeseries(
        "Units in and out of carts",
        "suffix: units/min",
        "Units put in, changed and taken out. More taken out than usual is a surprise in the cart: a price or the"
        " stock.",
        UNITS_BY_ACTION,
        width=6,
    )


def carts_and_orders() -> Panel:
    return timeseries(
        "Carts and orders",
        "suffix: /min",
        "Carts begun and orders placed. The gap is carts that are given up; a growing one is a fault between cart"
        " and order.",
        *CARTS,
        width=6,
    )


def refused() -> Panel:
    return timeseries(
        "Refused at the cart",
        "suffix: /min",
        "Requests of the cart that were refused, by what was tried. Some impossible quantities are normal; a rise"
        " is a broken form.",
        *CART_REFUSALS,
        width=6,
    )
