"""The promise to visitors, and whether it is kept."""

from grafana.boards.objectives import Objective, budget_left, enough_good, good_share, percent
from grafana.boards.overview.django import REQUESTS_IN_DJANGO
from grafana.boards.panels import UP_OR_DOWN, Column, Panel, stat, table
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import NONE_IS_GOOD, UP

OUTSIDE = Query("min(probe_success{$selector})")
ORDERS = Query(
    "60 * " + or_zero('sum(rate(pomar_orders_total{$selector,outcome="placed"}[$__rate_interval]))', REQUESTS_IN_DJANGO)
)
FIRING = Query('count(ALERTS{$selector,alertstate="firing",alertname!="Watchdog"}) or vector(0)')
# The value of ALERTS_FOR_STATE is when the alert became active; Grafana wants milliseconds.
FIRING_SINCE = Query(
    'ALERTS_FOR_STATE{$selector} * 1000 and ignoring (alertstate) ALERTS{$selector,alertstate="firing"}'
)


def outside() -> Panel:
    return stat(
        "The shop from outside",
        "short",
        "Whether a visitor from outside gets the right answer, over TLS and redirected to it. Down: look at the"
        " tiers from the top.",
        OUTSIDE,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="ShopUnreachable",
    )


def availability(objective: Objective) -> Panel:
    return stat(
        "Availability",
        "percentunit",
        "Share of visitors' requests without a 5xx, in the time shown. The objective is"
        f" {percent(objective.target)}. What never reached NGINX is not in it.",
        Query(good_share(objective), instant=True),
        thresholds=enough_good(objective),
        sparkline=False,
        decimals=3,
    )


def error_budget(objective: Objective) -> Panel:
    return stat(
        "Error budget left",
        "percentunit",
        "Of the errors that the objective allows in its period. 100% is none spent; below 0 the promise is broken.",
        Query(budget_left(objective), instant=True),
        thresholds=((None, "red"), (0, "orange"), (0.25, "green")),
        sparkline=False,
        runbook="ErrorBudgetBurn",
    )


def in_time(objective: Objective) -> Panel:
    return stat(
        f"Answered in {objective.within:g} s",
        "percentunit",
        f"Share of visitors' pages answered within {objective.within:g} s, in the time shown."
        f" The objective is {percent(objective.target)}.",
        Query(good_share(objective), instant=True),
        thresholds=enough_good(objective),
        sparkline=False,
        decimals=2,
    )


def orders() -> Panel:
    return stat(
        "Orders",
        "suffix: orders/min",
        "Orders placed a minute: what all tiers are there for. A fall while requests go on is a fault that no"
        " status tells.",
        ORDERS,
    )


def alerts_firing() -> Panel:
    return stat(
        "Alerts firing",
        "short",
        "Without the watchdog, which always fires. Good is 0.",
        FIRING,
        thresholds=NONE_IS_GOOD,
    )


def what_is_firing() -> Panel:
    return table(
        "What is firing",
        "The watchdog alone is good: it shows that alerts are evaluated. Any other row is to be acted on.",
        (
            Column("alertname", "Alert"),
            Column("severity", "Severity"),
            Column("job", "Job"),
            Column("instance", "Instance"),
            Column("#A", "Active since", unit="dateTimeFromNow"),
        ),
        FIRING_SINCE,
        height=6,
    )
