"""All requests, including middleware."""

from grafana.boards.objectives import Objective, percent, percentile, red_line, too_many_bad, too_slow
from grafana.boards.panels import Panel, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantile, quantiles

# Requests before they reach the first middleware, and responses after they have left it.
REACHED = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
LEFT = "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))"
WHOLE = "django_http_requests_latency_including_middlewares_seconds_bucket{$selector}"
IN_FLIGHT = Query(
    "sum(django_http_requests_before_middlewares_total{$selector})"
    " - sum(django_http_responses_before_middlewares_total{$selector})",
    "in flight",
)

# Use the response counter, because the latency histogram counts a request with an exception twice.
RESPONSES = "rate(django_http_responses_total_by_status_view_method_total{$selector}[$__rate_interval])"
FAILED = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}[$__rate_interval])'

SHARE_OF_5XX = Query(f"{or_zero(f'sum({FAILED})', f'sum({RESPONSES})')} / (sum({RESPONSES}) > 0)")


def rate() -> Panel:
    return stat(
        "Request rate",
        "reqps",
        "All requests that reach Django, including health checks. If the rate drops to zero while NGINX still receives"
        " requests, uWSGI is the cause.",
        Query(REACHED),
    )


def error_ratio(objective: Objective) -> Panel:
    return stat(
        "5xx error ratio",
        "percentunit",
        f"Share of responses with a 5xx status. Should be 0; above {percent(objective.budget)} the error budget runs"
        " out before the end of its period.",
        SHARE_OF_5XX,
        thresholds=too_many_bad(objective),
    )


def target_percentile(objective: Objective) -> Panel:
    return stat(
        f"{percentile(objective)} response time",
        "s",
        f"{percent(objective.target)} of requests take no longer than this in Django, including middleware. Should be"
        f" well below {objective.within:g} s.",
        Query(quantile(objective.target, WHOLE)),
        thresholds=too_slow(objective),
    )


def requests_and_responses() -> Panel:
    return timeseries(
        "Requests and responses",
        "reqps",
        "Requests that reach Django and responses that leave it. The lines should coincide; a gap means that requests"
        " are stuck or have been killed.",
        Query(REACHED, "requests"),
        Query(LEFT, "responses"),
        width=6,
    )


def in_flight() -> Panel:
    return timeseries(
        "Requests in flight",
        "short",
        "Requests that have no response yet. At most one per worker is normal. A step that stays is a killed request,"
        " which never gets a response.",
        IN_FLIGHT,
        width=6,
    )


def response_time(objective: Objective) -> Panel:
    return timeseries(
        "Response time",
        "s",
        "Includes middleware, database and cache, but not the wait for a worker. p95 should be well below the red"
        " line.",
        *quantiles(WHOLE),
        thresholds=red_line(objective),
        width=6,
    )


def response_time_heatmap() -> Panel:
    return heatmap(
        "Response time heatmap",
        "s",
        "Requests by response time. One dark band at the bottom is healthy; a second band above it means that some"
        " requests are waiting for something.",
        WHOLE,
        width=6,
    )
