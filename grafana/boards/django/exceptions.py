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
    "exceptions but Http404",
)
ANSWERS_OF_5XX = Query(or_zero(f"sum({FAILED})", REACHED), "5xx")


def by_type() -> Panel:
    return timeseries(
        "Exceptions by type",
        "suffix: exceptions/s",
        "What views raised. Http404 is a dead link; any other type is a bug or a dependency that failed.",
        BY_TYPE,
    )


def by_view() -> Panel:
    return timeseries(
        "Exceptions by view",
        "suffix: exceptions/s",
        "Which view raised it. One view is its own bug; all of them are what they share.",
        BY_VIEW,
    )


def beside_5xx() -> Panel:
    return timeseries(
        "Exceptions and 5xx",
        "reqps",
        "Good is 0. An exception that no view handles makes a 5xx; a 5xx without one was raised outside of the"
        " view, in a middleware.",
        UNEXPECTED,
        ANSWERS_OF_5XX,
    )
