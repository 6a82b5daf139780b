"""Sales and stock."""

from grafana.boards.panels import UP_OR_DOWN, Panel, bar_gauge, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD, UP

SOLD_OUT = "sum(pomar_products_sold_out{$selector})"
DATABASE = Query("min(pomar_database_up{$selector})")

SOLD = Query("60 * sum by (category) (rate(pomar_items_sold_total{$selector}[$__rate_interval]))", "{{category}}")
STOCK = Query("sum by (category) (pomar_stock_units{$selector})", "{{category}}")
STOCK_LASTS = Query(
    "sum by (category) (pomar_stock_units{$selector})"
    " / (sum by (category) (rate(pomar_items_sold_total{$selector}[$__range])) > 0)",
    "{{category}}",
    instant=True,
)


def products_sold_out() -> Panel:
    return stat(
        "Products sold out",
        "short",
        "Products with nothing left. Good is 0: else buy in, or take them off the shelf.",
        Query(SOLD_OUT),
        thresholds=NONE_IS_GOOD,
    )


def database() -> Panel:
    return stat(
        "Database",
        "short",
        "Whether the shop's database was read in the last 15 s. Down: nobody can order, and the stock's figures"
        " are missing.",
        DATABASE,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="DatabaseDown",
    )


def units_sold() -> Panel:
    return timeseries(
        "Units sold",
        "suffix: units/min",
        "By category. One that falls to nothing while others sell is sold out, or not to be found.",
        SOLD,
        stacked=True,
        width=6,
    )


def units() -> Panel:
    return timeseries(
        "Stock",
        "suffix: units",
        "Units by category. It falls as they are sold; a jump is goods bought in. Missing while the database is down.",
        STOCK,
        width=6,
    )


def lasts() -> Panel:
    return bar_gauge(
        "Stock lasts",
        "s",
        "How long each category lasts when it sells as in the time shown. Buy in before a bar is gone. None where"
        " nothing was sold.",
        STOCK_LASTS,
        thresholds=((None, "red"), (86400, "orange"), (3 * 86400, "green")),
        width=6,
    )


def sold_out() -> Panel:
    return timeseries(
        "Sold out",
        "suffix: products",
        "Products with nothing left. Good is 0: as it rises, refused checkouts follow.",
        Query(SOLD_OUT, "sold out"),
        width=6,
    )
