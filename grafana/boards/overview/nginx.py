"""NGINX's traffic, errors, latency and saturation."""

from grafana.boards.objectives import Objective, red_line
from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero, quantiles

RESPONSES = "sum(rate(nginx_http_responses_total{$selector}[$__rate_interval]))"
UPSTREAM_REQUESTS = "sum(rate(nginx_http_upstream_requests_total{$selector}[$__rate_interval]))"
OTHER_5XX = or_zero(
    'sum(rate(nginx_http_responses_total{$selector,status=~"5..",status!~"502|504"}[$__rate_interval]))', RESPONSES
)
NO_RESPONSE = or_zero('sum(rate(nginx_http_responses_total{$selector,status=~"502|504"}[$__rate_interval]))', RESPONSES)
CONNECTIONS = [
    Query(f"sum(nginx_connections_{state}{{$selector}})", state) for state in ("reading", "writing", "waiting")
]


def traffic() -> Panel:
    return timeseries(
        "NGINX traffic",
        "reqps",
        "All responses, and the requests passed to uWSGI. The difference is static files, redirects and rejected"
        " requests. A drop to zero is worse than a rise.",
        Query(RESPONSES, "responses"),
        Query(UPSTREAM_REQUESTS, "passed to uWSGI"),
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "NGINX errors",
        "reqps",
        "5xx responses. Should be 0. 502 and 504 mean that uWSGI did not respond; other 5xx come from Django.",
        Query(OTHER_5XX, "other 5xx"),
        Query(NO_RESPONSE, "502, 504"),
        width=6,
    )


def latency(objective: Objective) -> Panel:
    return timeseries(
        "NGINX latency",
        "s",
        "Response time for visitors, including static files. p95 should be well below the red line. Compare it with"
        " the tiers below to see where the time is spent.",
        *quantiles("nginx_http_request_duration_seconds_bucket{$selector}"),
        thresholds=red_line(objective),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "NGINX saturation",
        "short",
        "Open connections by state. Writing grows when uWSGI is slow. Waiting only follows the number of visitors.",
        *CONNECTIONS,
        stacked=True,
        width=6,
    )
