"""The shop as its keeper sees it: from a product's page to an order, money, carts, stock and searches."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import UP_OR_DOWN, bar_gauge, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantiles
from grafana.boards.thresholds import NONE_IS_GOOD, UP

# Django is always asked for something, if only for its health: beside it a shop without customers shows 0.
BESIDE = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
BESIDE_IN_ALL = "sum(increase(django_http_requests_before_middlewares_total{$selector}[$__range]))"


def a_minute(events: str) -> str:
    """Return how often a minute something happens, given by its counter's selector; 0 until the first time."""
    return f"60 * {or_zero(f'sum(rate({events}[$__rate_interval]))', BESIDE)}"


def in_all(events: str) -> str:
    """Return how often something happened in the time shown; 0 until the first time."""
    return or_zero(f"sum(increase({events}[$__range]))", BESIDE_IN_ALL)


ANSWERS = "django_http_responses_total_by_status_view_method_total"
PRODUCT_PAGES = f'{ANSWERS}{{$selector,view="product:detail",method="GET",status="200"}}'
ADDED = f'{ANSWERS}{{$selector,view="product:add-to-cart",method="POST",status="302"}}'
CART_PAGES = f'{ANSWERS}{{$selector,view="cart:cart-summary",method="GET",status="200"}}'
CHECKOUT_PAGES = f'{ANSWERS}{{$selector,view="checkout:checkout",method="GET",status="200"}}'
PLACED = 'pomar_orders_total{$selector,outcome="placed"}'
OUT_OF_STOCK = 'pomar_orders_total{$selector,outcome="out_of_stock"}'
NEW_CARTS = 'django_model_inserts_total{$selector,model="cart"}'
STEPS = (
    (PRODUCT_PAGES, "product page"),
    (ADDED, "put into the cart"),
    (CART_PAGES, "cart page"),
    (CHECKOUT_PAGES, "checkout page"),
    (PLACED, "order placed"),
)

ORDERS = Query(a_minute(PLACED), "orders")
REVENUE = Query(
    "3600 * " + or_zero("sum(rate(pomar_order_value_euros_sum{$selector}[$__rate_interval]))", BESIDE), "revenue"
)
CONVERSION = Query(f"{in_all(PLACED)} / ({in_all(NEW_CARTS)} > 0)", instant=True)
REFUSED_FOR_STOCK = Query(in_all(OUT_OF_STOCK), instant=True)
SOLD_OUT = "sum(pomar_products_sold_out{$selector})"
DATABASE = Query("min(pomar_database_up{$selector})")

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

SOLD = Query("60 * sum by (category) (rate(pomar_items_sold_total{$selector}[$__rate_interval]))", "{{category}}")
STOCK = Query("sum by (category) (pomar_stock_units{$selector})", "{{category}}")
STOCK_LASTS = Query(
    "sum by (category) (pomar_stock_units{$selector})"
    " / (sum by (category) (rate(pomar_items_sold_total{$selector}[$__range])) > 0)",
    "{{category}}",
    instant=True,
)

SEARCHES = [
    Query(a_minute(f'pomar_searches_total{{$selector,outcome="{outcome}"}}'), name)
    for outcome, name in (("found", "found something"), ("nothing", "found nothing"))
]
SEARCHED = "pomar_searches_total{$selector}"
SEARCHED_IN_VAIN = 'pomar_searches_total{$selector,outcome="nothing"}'
FOUND_NOTHING = Query(
    f"{or_zero(f'sum(rate({SEARCHED_IN_VAIN}[$__rate_interval]))', BESIDE)}"
    f" / (sum(rate({SEARCHED}[$__rate_interval])) > 0)",
    "found nothing",
)

DASHBOARD = Dashboard(
    uid="pomar-shop",
    title="Shop",
    description="What the shop's keeper asks: from a product's page to an order, money, carts, stock and searches.",
    of="pomar_database_up",
    rows=(
        Row(
            "Now",
            (
                stat(
                    "Orders",
                    "suffix: orders/min",
                    "Orders placed a minute. A fall while pages are still looked at is a fault that no status tells.",
                    ORDERS,
                    runbook="NoOrders",
                ),
                stat(
                    "Revenue",
                    "suffix: €/h",
                    "Euros an hour, at the pace of this moment. It follows the orders; alone it falls when they get"
                    " smaller.",
                    REVENUE,
                    decimals=0,
                ),
                stat(
                    "Orders a new cart",
                    "percentunit",
                    "Orders placed by carts begun, in the time shown: the conversion. Compare it with its own past; a"
                    " fall is a cart or a checkout that people give up.",
                    CONVERSION,
                    sparkline=False,
                ),
                stat(
                    "Refused for stock",
                    "short",
                    "Checkouts in the time shown that the stock did not cover. Good is 0: each is a customer lost.",
                    REFUSED_FOR_STOCK,
                    thresholds=NONE_IS_GOOD,
                    sparkline=False,
                ),
                stat(
                    "Products sold out",
                    "short",
                    "Products with nothing left. Good is 0: else buy in, or take them off the shelf.",
                    Query(SOLD_OUT),
                    thresholds=NONE_IS_GOOD,
                ),
                stat(
                    "Database",
                    "short",
                    "Whether the shop's database was read in the last 15 s. Down: nobody can order, and the stock's"
                    " figures are missing.",
                    DATABASE,
                    thresholds=UP,
                    mappings=UP_OR_DOWN,
                    sparkline=False,
                    runbook="DatabaseDown",
                ),
            ),
        ),
        Row(
            "From a product to an order",
            (
                bar_gauge(
                    "Steps in the time shown",
                    "short",
                    "How often each step was made. Each is rarer than the one before, but for the cart's page, which"
                    " people see often. The largest fall is where they leave.",
                    *FUNNEL_IN_ALL,
                ),
                timeseries(
                    "Steps",
                    "suffix: /min",
                    "The steps of the left over time. All fall together when nobody comes; one that falls alone is"
                    " broken.",
                    *FUNNEL,
                ),
                timeseries(
                    "From step to step",
                    "percentunit",
                    "How often a step leads to the next. It jumps, even above 100%, while few people come. Checkout to"
                    " order far below 100% is a form that people cannot or will not fill in.",
                    *RATIOS,
                ),
            ),
        ),
        Row(
            "Orders and money",
            (
                timeseries(
                    "Orders by outcome",
                    "suffix: /min",
                    "Good is placed. Out of stock was refused. Repeated is a form sent twice, which makes no second"
                    " order; a rise of it is a slow checkout.",
                    *BY_OUTCOME,
                    stacked=True,
                ),
                timeseries(
                    "Checkouts without an order",
                    "suffix: /min",
                    "Forms that were sent and refused. Some filled in wrongly are normal, a rise is a form that is hard"
                    " to read. The shop's fault is 0 when it is good.",
                    *CHECKOUT_REFUSALS,
                    runbook="CheckoutFailing",
                ),
                timeseries(
                    "Revenue over time",
                    "suffix: €/h",
                    "Euros an hour. A hole here is what an outage costs.",
                    REVENUE,
                ),
                timeseries(
                    "Value of an order",
                    "currencyEUR",
                    "The mean is exact, quantiles are read from steps. A jump is a wrong price or one large order.",
                    *quantiles(VALUES),
                    MEAN_VALUE,
                    width=12,
                ),
                heatmap(
                    "Value of orders, all of them",
                    "currencyEUR",
                    "Each order by its value. One broad band is good; a new one is a new kind of customer or a wrong"
                    " price.",
                    VALUES,
                    cells="suffix: orders/s",
                    width=12,
                ),
            ),
        ),
        Row(
            "Carts",
            (
                timeseries(
                    "Size of an order",
                    "short",
                    "Units and different products an order, on average. It is steady; a fall is a cart that loses"
                    " things, or products that are sold out.",
                    UNITS_AN_ORDER,
                    PRODUCTS_AN_ORDER,
                    width=6,
                ),
                timeseries(
                    "Units in and out of carts",
                    "suffix: units/min",
                    "Units put in, changed and taken out. More taken out than usual is a surprise in the cart: a price"
                    " or the stock.",
                    UNITS_BY_ACTION,
                    width=6,
                ),
                timeseries(
                    "Carts and orders",
                    "suffix: /min",
                    "Carts begun and orders placed. The gap is carts that are given up; a growing one is a fault"
                    " between cart and order.",
                    *CARTS,
                    width=6,
                ),
                timeseries(
                    "Refused at the cart",
                    "suffix: /min",
                    "Requests of the cart that were refused, by what was tried. Some impossible quantities are normal;"
                    " a rise is a broken form.",
                    *CART_REFUSALS,
                    width=6,
                ),
            ),
        ),
        Row(
            "Sales and stock",
            (
                timeseries(
                    "Units sold",
                    "suffix: units/min",
                    "By category. One that falls to nothing while others sell is sold out, or not to be found.",
                    SOLD,
                    stacked=True,
                    width=6,
                ),
                timeseries(
                    "Stock",
                    "suffix: units",
                    "Units by category. It falls as they are sold; a jump is goods bought in. Missing while the"
                    " database is down.",
                    STOCK,
                    width=6,
                ),
                bar_gauge(
                    "Stock lasts",
                    "s",
                    "How long each category lasts when it sells as in the time shown. Buy in before a bar is gone. None"
                    " where nothing was sold.",
                    STOCK_LASTS,
                    thresholds=((None, "red"), (86400, "orange"), (3 * 86400, "green")),
                    width=6,
                ),
                timeseries(
                    "Sold out",
                    "suffix: products",
                    "Products with nothing left. Good is 0: as it rises, refused checkouts follow.",
                    Query(SOLD_OUT, "sold out"),
                    width=6,
                ),
            ),
        ),
        Row(
            "Searches",
            (
                timeseries(
                    "Searches by outcome",
                    "suffix: /min",
                    "Searches that found something and that found nothing. People who search want to buy.",
                    *SEARCHES,
                    stacked=True,
                    width=12,
                ),
                timeseries(
                    "Share that found nothing",
                    "percentunit",
                    "Good is low and flat. A rise is something that people want and the shop does not have, or a search"
                    " that is broken.",
                    FOUND_NOTHING,
                    max=1,
                    width=12,
                ),
            ),
        ),
    ),
)
