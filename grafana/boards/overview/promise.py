"""The promise to visitors, and whether it is kept."""

from grafana.boards.overview.django import REQUESTS_IN_DJANGO
from grafana.boards.panels import UP_OR_DOWN, Column, Panel, stat, table
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import AVAILABILITY_OBJECTIVE, LATENCY_OBJECTIVE_SECONDS, NONE_IS_GOOD, UP

#: The share of answers that must be there within the latency objective.
IN_TIME_OBJECTIVE = 0.95

# The promise, without what NGINX refuses or redirects to HTTPS, which never asks the shop. The probe counts as a
# visitor, so that an outage is seen when nobody else is there.
VISITORS = '$selector,route!~"refused|redirect"'
ASKED = f"sum(increase(nginx_http_responses_total{{{VISITORS}}}[$__range]))"
FAILED = or_zero(f'sum(increase(nginx_http_responses_total{{{VISITORS},status=~"5.."}}[$__range]))', ASKED)
OUTSIDE = Query("min(probe_success{$selector})")
AVAILABILITY = Query(f"1 - {FAILED} / ({ASKED} > 0)", instant=True)
BUDGET_LEFT = Query(f"1 - {FAILED} / ({ASKED} > 0) / (1 - {AVAILABILITY_OBJECTIVE})", instant=True)
IN_TIME = Query(
    f'sum(increase(nginx_http_request_duration_seconds_bucket{{{VISITORS},le="{LATENCY_OBJECTIVE_SECONDS}"}}[$__range]))'
    f" / (sum(increase(nginx_http_request_duration_seconds_count{{{VISITORS}}}[$__range])) > 0)",
    instant=True,
)
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


def availability() -> Panel:
    return stat(
        "Availability",
        "percentunit",
        "Share of visitors' requests without a 5xx, in the time shown. The objective is"
        f" {AVAILABILITY_OBJECTIVE:.1%}. What never reached NGINX is not in it.",
        AVAILABILITY,
        thresholds=((None, "red"), (AVAILABILITY_OBJECTIVE, "green")),
        sparkline=False,
        decimals=3,
    )


def error_budget() -> Panel:
    return stat(
        "Error budget left",
        "percentunit",
        "Of the errors that the objective allows in the time shown. 100% is none spent; below 0 the promise is broken.",
        BUDGET_LEFT,
        thresholds=((None, "red"), (0, "orange"), (0.25, "green")),
        sparkline=False,
        runbook="ErrorBudgetBurn",
    )


def in_time() -> Panel:
    return stat(
        f"Answered in {LATENCY_OBJECTIVE_SECONDS} s",
        "percentunit",
        f"Share of visitors' requests answered within {LATENCY_OBJECTIVE_SECONDS} s, in the time shown."
        f" The objective is {IN_TIME_OBJECTIVE:.0%}.",
        IN_TIME,
        thresholds=((None, "red"), (IN_TIME_OBJECTIVE, "green")),
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
