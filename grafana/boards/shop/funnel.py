"""The conversion funnel, from a product page to an order."""

from grafana.boards.panels import Panel, bar_gauge, timeseries
from grafana.boards.queries import Query
from grafana.boards.shop.counters import PLACED, RESPONSES, per_minute, total

PRODUCT_PAGES = f'{RESPONSES}{{$selector,view="product:detail",method="GET",status="200"}}'
ADDED = f'{RESPONSES}{{$selector,view="product:add-to-cart",method="POST",status="302"}}'
CART_PAGES = f'{RESPONSES}{{$selector,view="cart:cart-summary",method="GET",status="200"}}'
CHECKOUT_PAGES = f'{RESPONSES}{{$selector,view="checkout:checkout",method="GET",status="200"}}'
STEPS = (
    (PRODUCT_PAGES, "product page"),
    (ADDED, "added to cart"),
    (CART_PAGES, "cart page"),
    (CHECKOUT_PAGES, "checkout page"),
    (PLACED, "order placed"),
)

FUNNEL_TOTALS = [Query(total(events), name, instant=True) for events, name in STEPS]
FUNNEL = [Query(per_minute(events), name) for events, name in STEPS]
RATIOS = [
    Query(f"{per_minute(events)} / ({per_minute(before)} > 0)", name)
    for events, before, name in (
        (ADDED, PRODUCT_PAGES, "product page to cart"),
        (CHECKOUT_PAGES, ADDED, "cart to checkout"),
        (PLACED, CHECKOUT_PAGES, "checkout to order"),
    )
]


def totals() -> Panel:
    return bar_gauge(
        "Conversion funnel",
        "short",
        "How often each step was reached in the selected time range. Each step is rarer than the one before, except"
        " for the cart page, which people open often. The largest drop is where most people leave.",
        *FUNNEL_TOTALS,
    )


def over_time() -> Panel:
    return timeseries(
        "Funnel steps over time",
        "suffix: /min",
        "The steps of the funnel on the left. All of them drop together when nobody visits the shop. A step that drops"
        " alone is broken.",
        *FUNNEL,
    )


def from_step_to_step() -> Panel:
    return timeseries(
        "Conversion rate by step",
        "percentunit",
        "How often a step leads to the next one. With few visitors the values jump, even above 100%. If checkout to"
        " order is far below 100%, people cannot or do not want to fill in the form.",
        *RATIOS,
    )
