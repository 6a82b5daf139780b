"""Requests by view."""

from grafana.boards.django.requests import ANSWERED, FAILED, REACHED
from grafana.boards.objectives import Objective, too_many_bad
from grafana.boards.panels import Column, Panel, table, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile

REFUSED = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"4.."}[$__rate_interval])'
IN_VIEW = "django_http_requests_latency_seconds_by_view_method_bucket{$selector}"
RATE_BY_VIEW = Query(f"sum by (view) ({ANSWERED})", "{{view}}")
ERRORS_BY_VIEW = Query(or_none(f"sum by (view) ({FAILED})", "view", REACHED), "{{view}}")
REFUSED_BY_VIEW = Query(or_none(f"sum by (view) ({REFUSED})", "view", REACHED), "{{view}}")
P95_BY_VIEW = Query(quantile(0.95, IN_VIEW, by="view, method"), "{{method}} {{view}}")
MEAN_BY_VIEW = Query(
    "sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_sum{$selector}[$__rate_interval]))"
    " / (sum by (view) (rate(django_http_requests_latency_seconds_by_view_method_count{$selector}[$__rate_interval]))"
    " > 0)",
    "{{view}}",
)
# A request whose form is not the shop's own is refused (403) before its view begins.
BEGUN_BY_VIEW = "sum by (view) (django_http_requests_total_by_view_transport_method_total{$selector})"
ENDED_BY_VIEW = 'sum by (view) (django_http_responses_total_by_status_view_method_total{$selector,status!="403"})'
NOT_ENDED_BY_VIEW = Query(f"{BEGUN_BY_VIEW} - {or_zero(ENDED_BY_VIEW, BEGUN_BY_VIEW)}", "{{view}}")

# The table's columns, over the time shown.
ALL_OF_VIEW = "sum by (view) (increase(django_http_responses_total_by_status_view_method_total{$selector}[$__range]))"
REFUSED_OF_VIEW = (
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
        "What visitors use. A view that falls to nothing while others go on is broken or unlinked; <unnamed view>"
        " is an address that does not exist.",
        RATE_BY_VIEW,
        stacked=True,
        width=12,
        height=9,
    )


def p95() -> Panel:
    return timeseries(
        "p95 by view",
        "s",
        "Which view is slow, and by which method. The checkout's POST writes, so it is slower than the catalogue.",
        P95_BY_VIEW,
        width=12,
        height=9,
    )


def errors() -> Panel:
    return timeseries(
        "5xx by view",
        "reqps",
        "Good is none. One view is a bug in it; all views are what they share: the database or a deploy.",
        ERRORS_BY_VIEW,
        width=6,
    )


def refused() -> Panel:
    return timeseries(
        "4xx by view",
        "reqps",
        "Wrong forms, dead links, empty shelves. Some are normal; a rise in one view is a broken form or link.",
        REFUSED_BY_VIEW,
        width=6,
    )


def mean_time() -> Panel:
    return timeseries(
        "Mean time by view",
        "s",
        "Where the p95 is too coarse to see a change. A step after a deploy is that view's new code.",
        MEAN_BY_VIEW,
        width=6,
    )


def not_ended() -> Panel:
    return timeseries(
        "Begun and not ended",
        "short",
        "Requests that a view began and that have no response. Good is near 0. The view with a step is the one"
        " that hangs and gets its worker killed.",
        NOT_ENDED_BY_VIEW,
        width=6,
    )


def each_view(objective: Objective) -> Panel:
    return table(
        "Each view",
        "Over the time shown. The view with the most time in all is the one that is worth making faster.",
        (
            Column("view", "View"),
            Column("#A", "Responses", unit="short"),
            Column("#B", "4xx", unit="percentunit"),
            Column("#C", "5xx", unit="percentunit", thresholds=too_many_bad(objective)),
            Column("#D", "Mean time", unit="s"),
            Column("#E", "Time in all", unit="s"),
        ),
        Query(ALL_OF_VIEW),
        Query(f"{or_zero(REFUSED_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
        Query(f"{or_zero(FAILED_OF_VIEW, ALL_OF_VIEW)} / ({ALL_OF_VIEW} > 0)"),
        Query(MEAN_OF_VIEW),
        Query(TIME_OF_VIEW),
        height=10,
    )
