"""NGINX's traffic, errors, time and saturation."""

from grafana.boards.objectives import Objective, red_line
from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero, quantiles

ANSWERS = "sum(rate(nginx_http_responses_total{$selector}[$__rate_interval]))"
PASSED_ON = "sum(rate(nginx_http_upstream_requests_total{$selector}[$__rate_interval]))"
OF_THE_SHOP = or_zero(
    'sum(rate(nginx_http_responses_total{$selector,status=~"5..",status!~"502|504"}[$__rate_interval]))', ANSWERS
)
OF_NO_ANSWER = or_zero('sum(rate(nginx_http_responses_total{$selector,status=~"502|504"}[$__rate_interval]))', ANSWERS)
CONNECTIONS = [
    Query(f"sum(nginx_connections_{state}{{$selector}})", state) for state in ("reading", "writing", "waiting")
]


def traffic() -> Panel:
    return timeseries(
        "NGINX traffic",
        "reqps",
        "All answers, and the requests passed on to uWSGI; the rest are static files, redirects and refusals. A"
        " fall to nothing is worse than a rise.",
        Query(ANSWERS, "answers"),
        Query(PASSED_ON, "passed on to uWSGI"),
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "NGINX errors",
        "reqps",
        "Good is 0. The shop's own 5xx come from Django; 502 and 504 mean that uWSGI gave no answer.",
        Query(OF_THE_SHOP, "the shop's own 5xx"),
        Query(OF_NO_ANSWER, "502, 504"),
        width=6,
    )


def time(objective: Objective) -> Panel:
    return timeseries(
        "NGINX time",
        "s",
        "What visitors wait, static files included. Good is a p95 well below the red line. Compare with the times"
        " below to see where it is spent.",
        *quantiles("nginx_http_request_duration_seconds_bucket{$selector}"),
        thresholds=red_line(objective),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "NGINX saturation",
        "short",
        "Open connections. Writing grows when what is behind is slow; waiting only follows the number of visitors.",
        *CONNECTIONS,
        stacked=True,
        width=6,
    )
