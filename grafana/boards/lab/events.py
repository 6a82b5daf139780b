"""The lab's events, and the Pushgateway that stores them."""

from grafana.boards.panels import Column, Panel, table, timeseries
from grafana.boards.queries import Query

PUSHES = Query(
    "sum by (handler, method, code) (rate(pushgateway_http_requests_total{$selector}[$__rate_interval]))",
    "{{method}} {{handler}} {{code}}",
)
# The metric's value is the time of the event in seconds. Grafana expects milliseconds.
EVENTS = Query("sort_desc(max by (kind, name, phase, text) (lab_event{$selector}) * 1000)")


def pushgateway() -> Panel:
    return timeseries(
        "Pushgateway requests",
        "reqps",
        "Pushes of the lab's events; all other requests are health checks. The code should be 200. With any other"
        " code, an event is missing from the dashboards.",
        PUSHES,
        height=6,
        runbook="PushedJobStale",
    )


def each_event() -> Panel:
    return table(
        "Events",
        "The latest load tests, deploys and drills, newest first, with the last occurrence of each name. They may"
        " explain a change in the metrics.",
        (
            Column("kind", "Kind"),
            Column("name", "Name"),
            Column("phase", "Phase"),
            Column("text", "Description"),
            Column("#A", "When", unit="dateTimeFromNow"),
        ),
        EVENTS,
        width=16,
    )
