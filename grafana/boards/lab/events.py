"""The lab's events and the Pushgateway that holds them."""

from grafana.boards.panels import Column, Panel, table, timeseries
from grafana.boards.queries import Query

PUSHES = Query(
    "sum by (handler, method, code) (rate(pushgateway_http_requests_total{$selector}[$__rate_interval]))",
    "{{method}} {{handler}} {{code}}",
)
# The value is when it happened; Grafana wants milliseconds.
EVENTS = Query("sort_desc(max by (kind, name, phase, text) (lab_event{$selector}) * 1000)")


def pushgateway() -> Panel:
    return timeseries(
        "Pushgateway",
        "reqps",
        "The lab pushes its events; the rest are health checks. Good is code 200; anything else is an event that"
        " no dashboard shows.",
        PUSHES,
        height=6,
        runbook="PushedJobStale",
    )


def each_event() -> Panel:
    return table(
        "Events",
        "The last load, deploy and drill of each name, newest first: what a change in the figures may come from.",
        (
            Column("kind", "Kind"),
            Column("name", "Name"),
            Column("phase", "Phase"),
            Column("text", "What"),
            Column("#A", "When", unit="dateTimeFromNow"),
        ),
        EVENTS,
        width=16,
    )
