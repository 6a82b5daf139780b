"""The service level that visitors get, and the firing alerts."""

from grafana.boards.objectives import Objective, budget_remaining, enough_good, good_share, percent
from grafana.boards.overview.django import REQUESTS_IN_DJANGO
from grafana.boards.panels import UP_OR_DOWN, Column, Panel, stat, table
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import NONE_IS_GOOD, UP

PROBE_SUCCESS = Query("min(probe_success{$selector})")
ORDERS = Query(
    "60 * " + or_zero('sum(rate(pomar_orders_total{$selector,outcome="placed"}[$__rate_interval]))', REQUESTS_IN_DJANGO)
)
FIRING = Query('count(ALERTS{$selector,alertstate="firing",alertname!="Watchdog"}) or vector(0)')
# The value of ALERTS_FOR_STATE is the time in seconds when the alert became active. Grafana expects milliseconds.
FIRING_SINCE = Query(
    'ALERTS_FOR_STATE{$selector} * 1000 and ignoring (alertstate) ALERTS{$selector,alertstate="firing"}'
)


def external_probe() -> Panel:
    return stat(
        "External probe",
        "short",
        "Whether the blackbox probes get the expected responses: the shop over TLS, and the HTTP redirect to it. If"
        " this is down, check the tiers from the top.",
        PROBE_SUCCESS,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        runbook="ShopUnreachable",
    )


def availability(objective: Objective) -> Panel:
    return stat(
        "Availability",
        "percentunit",
        "Share of visitors' requests in the selected time range without a 5xx response. The objective is"
        f" {percent(objective.target)}. Requests that never reached NGINX are not counted.",
        Query(good_share(objective), instant=True),
        thresholds=enough_good(objective),
        sparkline=False,
        decimals=3,
    )


def error_budget(objective: Objective) -> Panel:
    return stat(
        "Error budget remaining",
        "percentunit",
        "Share of the error budget that remains in the objective's period. 100% means that nothing has been spent;"
        " below 0, the objective has been missed.",
        Query(budget_remaining(objective), instant=True),
        thresholds=((None, "red"), (0, "orange"), (0.25, "green")),
        sparkline=False,
        runbook="ErrorBudgetBurn",
    )


def in_time(objective: Objective) -> Panel:
    return stat(
        f"Pages within {objective.within:g} s",
        "percentunit",
        f"Share of page requests in the selected time range that finished within {objective.within:g} s. The"
        f" objective is {percent(objective.target)}.",
        Query(good_share(objective), instant=True),
        thresholds=enough_good(objective),
        sparkline=False,
        decimals=2,
    )


def orders() -> Panel:
    return stat(
        "Orders",
        "suffix: orders/min",
        "Orders placed per minute. If they drop while requests continue, something is broken that no status code"
        " shows.",
        ORDERS,
    )


def alerts_firing() -> Panel:
    return stat(
        "Alerts firing",
        "short",
        "Number of firing alerts, except the Watchdog, which is always firing. Should be 0.",
        FIRING,
        thresholds=NONE_IS_GOOD,
    )


def list_of_firing_alerts() -> Panel:
    return table(
        "List of firing alerts",
        "Normally only the Watchdog, which shows that alerts are evaluated. Act on any other row.",
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
