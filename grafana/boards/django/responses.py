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
UNUSUAL = [
    Query(f"sum(rate(django_http_{name}_total{{$selector}}[$__rate_interval]))", words)
    for name, words in (
        ("ajax_requests", "AJAX requests"),
        ("responses_streaming", "streaming responses"),
        ("requests_unknown_latency", "view time unknown"),
        ("requests_unknown_latency_including_middlewares", "response time unknown"),
    )
]


def by_status() -> Panel:
    return timeseries(
        "Responses by status",
        "reqps",
        "2xx and 3xx are normal. Some 4xx are user errors. 5xx are errors in the shop.",
        BY_STATUS,
        stacked=True,
        width=6,
    )


def by_method() -> Panel:
    return timeseries(
        "Request rate by method",
        "reqps",
        "GET reads, POST changes something. NGINX only lets GET, HEAD and POST through.",
        BY_METHOD,
        stacked=True,
        width=6,
    )


def by_transport() -> Panel:
    return timeseries(
        "Request rate by transport",
        "reqps",
        "Should be https only. http means that something reaches Django without going through NGINX.",
        BY_TRANSPORT,
        stacked=True,
        width=6,
    )


def unusual() -> Panel:
    return timeseries(
        "Unusual requests",
        "reqps",
        "Should be 0, because the shop uses no AJAX and no streaming. A time is unknown if a middleware responded"
        " before the request could be measured.",
        *UNUSUAL,
        width=6,
    )


def by_template() -> Panel:
    return timeseries(
        "Responses by template",
        "reqps",
        "Only includes responses whose template Django knows, which are the admin pages. A rise for the login page"
        " means that somebody is trying out passwords.",
        BY_TEMPLATE,
        width=6,
    )


def by_charset() -> Panel:
    return timeseries(
        "Responses by charset",
        "reqps",
        "Should be utf-8 only; a page with another charset shows broken characters.",
        BY_CHARSET,
        stacked=True,
        width=6,
    )


def response_sizes() -> Panel:
    return timeseries(
        "Response size",
        "bytes",
        "Body size before compression. Quantiles are estimated from buckets, each twice the size of the one before. A"
        " rise means that a page lists too much.",
        *quantiles(RESPONSE_SIZES),
        MEAN_RESPONSE,
        width=6,
    )


def request_sizes() -> Panel:
    return timeseries(
        "Request size",
        "bytes",
        "Size of submitted forms. Most requests have no body. The shop's forms are short, so large requests do not"
        " come from ordinary visitors.",
        *quantiles(REQUEST_SIZES),
        MEAN_REQUEST,
        width=6,
    )
