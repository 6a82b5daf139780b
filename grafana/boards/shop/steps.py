"""From a product's page to an order."""

from grafana.boards.panels import Panel, bar_gauge, timeseries
from grafana.boards.queries import Query
from grafana.boards.shop.counters import ANSWERS, PLACED, a_minute, in_all

PRODUCT_PAGES = f'{ANSWERS}{{$selector,view="product:detail",method="GET",status="200"}}'
ADDED = f'{ANSWERS}{{$selector,view="product:add-to-cart",method="POST",status="302"}}'
CART_PAGES = f'{ANSWERS}{{$selector,view="cart:cart-summary",method="GET",status="200"}}'
CHECKOUT_PAGES = f'{ANSWERS}{{$selector,view="checkout:checkout",method="GET",status="200"}}'
STEPS = (
    (PRODUCT_PAGES, "product page"),
    (ADDED, "put into the cart"),
    (CART_PAGES, "cart page"),
    (CHECKOUT_PAGES, "checkout page"),
    (PLACED, "order placed"),
)

FUNNEL_IN_ALL = [Query(in_all(events), name, instant=True) for events, name in STEPS]
FUNNEL = [Query(a_minute(events), name) for events, name in STEPS]
RATIOS = [
    Query(f"{a_minute(events)} / ({a_minute(before)} > 0)", name)
    for events, before, name in (
        (ADDED, PRODUCT_PAGES, "product page to cart"),
        (CHECKOUT_PAGES, ADDED, "cart to checkout"),
        (PLACED, CHECKOUT_PAGES, "checkout to order"),
    )
]


def in_the_time_shown() -> Panel:
    return bar_gauge(
        "Steps in the time shown",
        "short",
        "How often each step was made. Each is rarer than the one before, but for the cart's page, which people"
        " see often. The largest fall is where they leave.",
        *FUNNEL_IN_ALL,
    )


def over_time() -> Panel:
    return timeseries(
        "Steps",
        "suffix: /min",
        "The steps of the left over time. All fall together when nobody comes; one that falls alone is broken.",
        *FUNNEL,
    )


def from_step_to_step() -> Panel:
    return timeseries(
        "From step to step",
        "percentunit",
        "How often a step leads to the next. It jumps, even above 100%, while few people come. Checkout to order"
        " far below 100% is a form that people cannot or will not fill in.",
        *RATIOS,
    )
