"""Sales and stock."""

from grafana.boards.panels import UP_OR_DOWN, Panel, bar_gauge, stat, timeseries
from grafana.boards.queries import Query, in_database
from grafana.boards.thresholds import NONE_IS_GOOD, UP

SOLD_OUT = in_database("pomar_products_sold_out")
DATABASE = Query("min(pomar_database_up{$selector})")

SOLD = Query("60 * sum by (category) (rate(pomar_items_sold_total{$selector}[$__rate_interval]))", "{{category}}")
UNITS = in_database("pomar_stock_units", "category")
STOCK = Query(UNITS, "{{category}}")
TIME_LEFT = Query(
    f"{UNITS} / (sum by (category) (rate(pomar_items_sold_total{{$selector}}[$__range])) > 0)",
    "{{category}}",
    instant=True,
)


def products_sold_out() -> Panel:
    return stat(
        "Products sold out",
        "short",
        "Products that are out of stock. Should be 0; otherwise restock them or stop selling them.",
        Query(SOLD_OUT),
        thresholds=NONE_IS_GOOD,
    )


def database() -> Panel:
    return stat(
        "Database status",
        "short",
        "Whether the shop has been able to read its database in the last 15 s. While the database is down, nobody can"
        " order and the stock metrics are missing.",
        DATABASE,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="DatabaseDown",
    )


def units_sold() -> Panel:
    return timeseries(
        "Units sold by category",
        "suffix: units/min",
        "A category that drops to zero while others sell is sold out or cannot be found.",
        SOLD,
        stacked=True,
        width=6,
    )


def units() -> Panel:
    return timeseries(
        "Stock by category",
        "suffix: units",
        "Stock falls with each sale; a jump is a delivery. The metric is missing while the database is down.",
        STOCK,
        width=6,
    )


def time_left() -> Panel:
    return bar_gauge(
        "Time until out of stock",
        "s",
        "How long the stock in each category will last at the sales rate of the selected time range. Restock before a"
        " bar is gone. Categories without sales are not shown.",
        TIME_LEFT,
        thresholds=((None, "red"), (86400, "orange"), (3 * 86400, "green")),
        width=6,
    )


def sold_out_over_time() -> Panel:
    return timeseries(
        "Products sold out over time",
        "suffix: products",
        "Products that are out of stock. Should be 0; as the number rises, more checkouts are rejected.",
        Query(SOLD_OUT, "sold out"),
        width=6,
    )
