"""Exceptions by type and view."""

from grafana.boards.django.requests import FAILED, REACHED
from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_none, or_zero

BY_TYPE = Query(
    or_none(
        "sum by (type) (rate(django_http_exceptions_total_by_type_total{$selector}[$__rate_interval]))", "type", REACHED
    ),
    "{{type}}",
)
BY_VIEW = Query(
    or_none(
        "sum by (view) (rate(django_http_exceptions_total_by_view_total{$selector}[$__rate_interval]))", "view", REACHED
    ),
    "{{view}}",
)
UNEXPECTED = Query(
    or_zero(
        'sum(rate(django_http_exceptions_total_by_type_total{$selector,type!="Http404"}[$__rate_interval]))', REACHED
    ),
    "exceptions except Http404",
)
RESPONSES_5XX = Query(or_zero(f"sum({FAILED})", REACHED), "5xx")


def by_type() -> Panel:
    return timeseries(
        "Exceptions by type",
        "suffix: exceptions/s",
        "Exceptions raised in views. Http404 is a dead link; any other type is a bug or a failed dependency.",
        BY_TYPE,
    )


def by_view() -> Panel:
    return timeseries(
        "Exceptions by view",
        "suffix: exceptions/s",
        "Exceptions by the view that raised them. A single view points to a bug in that view; all views point to"
        " something that they share.",
        BY_VIEW,
    )


def beside_5xx() -> Panel:
    return timeseries(
        "Exceptions and 5xx",
        "reqps",
        "Should be 0. An exception that a view does not handle causes a 5xx. A 5xx without an exception was raised"
        " outside of the view, in a middleware.",
        UNEXPECTED,
        RESPONSES_5XX,
    )
