"""Requests by view."""

from grafana.boards.django.requests import FAILED, REACHED, RESPONSES
from grafana.boards.objectives import Objective, too_many_bad
from grafana.boards.panels import Column, Panel, table, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile

OF_4XX = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"4.."}[$__rate_interval])'
IN_VIEW = "django_http_requests_latency_seconds_by_view_method_bucket{$selector}"
RATE_BY_VIEW = Query(f"sum by (view) ({RESPONSES})", "{{view}}")
ERRORS_BY_VIEW = Query(or_none(f"sum by (view) ({FAILED})", "view", REACHED), "{{view}}")
CLIENT_ERRORS_BY_VIEW = Query(or_none(f"sum by (view) ({OF_4XX})", "view", REACHED), "{{view}}")
P95_BY_VIEW = Query(quantile(0.95, IN_VIEW, by="view, method"), "{{method}} {{view}}")
MEAN_BY_VIEW = Query(
    "sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__rate_interval]))"
    " / (sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_count{$selector}[$__rate_interval]))"
    " > 0)",
    "{{view}}",
)
# A request that fails the CSRF check (403) never reaches its view.
STARTED_BY_VIEW = "sum by (view) (django_http_requests_total_by_view_transport_method_total{$selector})"
FINISHED_BY_VIEW = 'sum by (view) (django_http_responses_total_by_status_view_method_total{$selector,status!="403"})'
IN_FLIGHT_BY_VIEW = Query(f"{STARTED_BY_VIEW} - {or_zero(FINISHED_BY_VIEW, STARTED_BY_VIEW)}", "{{view}}")

# The table's columns, for the selected time range.
ALL_OF_VIEW = "sum by (view) (increase(django_http_responses_total_by_status_view_method_total{$selector}[$__range]))"
CLIENT_ERRORS_OF_VIEW = (
    "sum by (view)"
    ' (increase(django_http_responses_total_by_status_view_method_total{$selector,status=~"4.."}[$__range]))'
)
FAILED_OF_VIEW = (
    "sum by (view)"
    ' (increase(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}[$__range]))'
)
MEAN_OF_VIEW = (
    "sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__range]))"
    " / (sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_count{$selector}[$__range])) > 0)"
)
TIME_OF_VIEW = "sum by (view) (increase(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__range]))"


def responses() -> Panel:
    return timeseries(
        "Responses by view",
        "reqps",
        "The views that visitors use. A view that drops to zero while others continue is broken or no longer linked."
        " <unnamed view> is a URL that does not exist.",
        RATE_BY_VIEW,
        stacked=True,
        width=12,
        height=9,
    )


def p95() -> Panel:
    return timeseries(
        "p95 response time by view",
        "s",
        "Shows which view is slow, and with which method. POST to the checkout writes to the database, so it is"
        " slower than the catalogue.",
        P95_BY_VIEW,
        width=12,
        height=9,
    )


def errors() -> Panel:
    return timeseries(
        "5xx by view",
        "reqps",
        "There should be none. A single view points to a bug in that view; all views point to something that they"
        " share, such as the database or a deploy.",
        ERRORS_BY_VIEW,
        width=6,
    )


def client_errors() -> Panel:
    return timeseries(
        "4xx by view",
        "reqps",
        "Invalid forms, dead links and sold-out products. Some are normal; a rise in one view means that a form or"
        " link is broken.",
        CLIENT_ERRORS_BY_VIEW,
        width=6,
    )


def mean_time() -> Panel:
    return timeseries(
        "Mean response time by view",
        "s",
        "Shows changes that are too small for the p95. A step after a deploy comes from new code in that view.",
        MEAN_BY_VIEW,
        width=6,
    )


def in_flight() -> Panel:
    return timeseries(
        "Requests in flight by view",
        "short",
        "Requests that a view has started but not finished. Should be near 0. A view with a step is one that hangs"
        " until its worker is killed.",
        IN_FLIGHT_BY_VIEW,
        width=6,
    )


def each_view(objective: Objective) -> Panel:
    return table(
        "Views",
        "Totals over the selected time range. The view with the highest total time is the one most worth optimizing.",
        (
            Column("view", "View"),
            Column("#A", "Responses", unit="short"),
            Column("#B", "4xx", unit="percentunit"),
            Column("#C", "5xx", unit="percentunit", thresholds=too_many_bad(objective)),
            Column("#D", "Mean response time", unit="s"),
            Column("#E", "Total time", unit="s"),
        ),
        Query(ALL_OF_VIEW),
        Query(f"{or_zero(CLIENT_ERRORS_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
        Query(f"{or_zero(FAILED_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
        Query(MEAN_OF_VIEW),
        Query(TIME_OF_VIEW),
        height=10,
    )
