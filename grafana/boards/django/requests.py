"""All requests, from before all middlewares to after them."""

from grafana.boards.objectives import Objective, percent, percentile, red_line, too_many_bad, too_slow
from grafana.boards.panels import Panel, heatmap, stat, timeseries
from grafana.boards.queries import Query, or_zero, quantile, quantiles

# The whole of Django, from before all middlewares to after them.
REACHED = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"
LEFT = "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))"
WHOLE = "django_http_requests_latency_including_middlewares_seconds_bucket{$selector}"
NOT_ANSWERED = Query(
    "sum(django_http_requests_before_middlewares_total{$selector})"
    " - sum(django_http_responses_before_middlewares_total{$selector})",
    "requests without a response",
)

# By view. Responses are counted here, because the latency has a request that ends in an exception twice.
ANSWERED = "rate(django_http_responses_total_by_status_view_method_total{$selector}[$__rate_interval])"
FAILED = 'rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}[$__rate_interval])'

SHARE_OF_5XX = Query(f"{or_zero(f'sum({FAILED})', f'sum({ANSWERED})')} / (sum({ANSWERED}) > 0)")


def rate() -> Panel:
    return stat(
        "Requests",
        "reqps",
        "All that reach Django, health checks included. A fall to nothing while NGINX goes on is uWSGI.",
        Query(REACHED),
    )


def share_of_5xx(objective: Objective) -> Panel:
    return stat(
        "5xx",
        "percentunit",
        "Share of responses of 500 and above. Good is 0; from"
        f" {percent(objective.budget)} the objective is being spent.",
        SHARE_OF_5XX,
        thresholds=too_many_bad(objective),
    )


def slowest(objective: Objective) -> Panel:
    return stat(
        percentile(objective),
        "s",
        f"{objective.share} requests take no longer in Django, middlewares included. Good is well below"
        f" {objective.within:g} s.",
        Query(quantile(objective.target, WHOLE)),
        thresholds=too_slow(objective),
    )


def requests_and_responses() -> Panel:
    return timeseries(
        "Requests and responses",
        "reqps",
        "What reaches Django and what leaves it. The lines lie on each other; a gap is requests that are stuck or"
        " were killed.",
        Query(REACHED, "requests"),
        Query(LEFT, "responses"),
        width=6,
    )


def in_flight() -> Panel:
    return timeseries(
        "In flight",
        "short",
        "Requests without a response so far. Good is at most one a worker. A step that stays is a request that"
        " was killed: it never gets one.",
        NOT_ANSWERED,
        width=6,
    )


def time(objective: Objective) -> Panel:
    return timeseries(
        "Time of a request",
        "s",
        "Middlewares, database and cache included, waiting for a worker not. Good is a p95 well below the red line.",
        *quantiles(WHOLE),
        thresholds=red_line(objective),
        width=6,
    )


def all_times() -> Panel:
    return heatmap(
        "Time of a request, all of it",
        "s",
        "Each request by its time. One dark band low down is good; a second band above it is a part that waits.",
        WHOLE,
        width=6,
    )
