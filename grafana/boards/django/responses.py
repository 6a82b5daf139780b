"""Responses by status, template, charset and size, and requests by method and transport."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, quantiles

BY_STATUS = Query(
    "sum by (status) (rate(django_http_responses_total_by_status_total{$selector}[$__rate_interval]))", "{{status}}"
)
BY_METHOD = Query(
    "sum by (method) (rate(django_http_requests_total_by_method_total{$selector}[$__rate_interval]))", "{{method}}"
)
BY_TRANSPORT = Query(
    "sum by (transport) (rate(django_http_requests_total_by_transport_total{$selector}[$__rate_interval]))",
    "{{transport}}",
)
BY_TEMPLATE = Query(
    "sum by (templatename) (rate(django_http_responses_total_by_templatename_total{$selector}[$__rate_interval]))",
    "{{templatename}}",
)
BY_CHARSET = Query(
    "sum by (charset) (rate(django_http_responses_total_by_charset_total{$selector}[$__rate_interval]))", "{{charset}}"
)
RESPONSE_SIZES = "django_http_responses_body_total_bytes_bucket{$selector}"
REQUEST_SIZES = "django_http_requests_body_total_bytes_bucket{$selector}"
MEAN_RESPONSE = Query(
    "sum(rate(django_http_responses_body_total_bytes_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(django_http_responses_body_total_bytes_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
MEAN_REQUEST = Query(
    "sum(rate(django_http_requests_body_total_bytes_sum{$selector}[$__rate_interval]))"
    " / (sum(rate(django_http_requests_body_total_bytes_count{$selector}[$__rate_interval])) > 0)",
    "mean",
)
SELDOM = [
    Query(f"sum(rate(django_http_{name}_total{{$selector}}[$__rate_interval]))", words)
    for name, words in (
        ("ajax_requests", "sent by scripts (ajax)"),
        ("responses_streaming", "streamed"),
        ("requests_unknown_latency", "time in the view unknown"),
        ("requests_unknown_latency_including_middlewares", "whole time unknown"),
    )
]


def by_status() -> Panel:
    return timeseries(
        "By status",
        "reqps",
        "2xx and 3xx are good, some 4xx are people's mistakes, 5xx are the shop's.",
        BY_STATUS,
        stacked=True,
        width=6,
    )


def by_method() -> Panel:
    return timeseries(
        "Requests by method",
        "reqps",
        "GET reads, POST changes something. NGINX lets only GET, HEAD and POST through.",
        BY_METHOD,
        stacked=True,
        width=6,
    )


def by_transport() -> Panel:
    return timeseries(
        "Requests by transport",
        "reqps",
        "Good is https alone. http means that something reaches Django past NGINX.",
        BY_TRANSPORT,
        stacked=True,
        width=6,
    )


def seldom() -> Panel:
    return timeseries(
        "Seldom",
        "reqps",
        "Good is 0 for all: the shop sends no ajax and streams nothing. An unknown time is a request that a"
        " middleware answered before it could be measured.",
        *SELDOM,
        width=6,
    )


def by_template() -> Panel:
    return timeseries(
        "By template",
        "reqps",
        "Where Django knows the template, which is the admin's pages. A rise of the login page is somebody who"
        " tries passwords.",
        BY_TEMPLATE,
        width=6,
    )


def by_charset() -> Panel:
    return timeseries(
        "By charset",
        "reqps",
        "Good is utf-8 alone; another one is a page that shows broken letters.",
        BY_CHARSET,
        stacked=True,
        width=6,
    )


def response_sizes() -> Panel:
    return timeseries(
        "Size of responses",
        "bytes",
        "Bodies before compression; quantiles are read from steps that double. A rise is a page that lists too much.",
        *quantiles(RESPONSE_SIZES),
        MEAN_RESPONSE,
        width=6,
    )


def request_sizes() -> Panel:
    return timeseries(
        "Size of requests",
        "bytes",
        "Bodies of forms; most requests have none. The shop's forms are short, so a rise is not its own visitors.",
        *quantiles(REQUEST_SIZES),
        MEAN_REQUEST,
        width=6,
    )
