"""Django's traffic, errors, time and saturation."""

from grafana.boards.objectives import Objective, red_line
from grafana.boards.panels import LIMIT, Panel, timeseries
from grafana.boards.queries import Query, or_none, quantiles

REQUESTS_IN_DJANGO = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"

REACHED_DJANGO = Query(REQUESTS_IN_DJANGO, "requests")
LEFT_DJANGO = Query(
    "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))", "responses"
)
# Until a view fails there is no series: the line "none" then says so.
FAILING_VIEWS = Query(
    or_none(
        'sum by (view) (rate(django_http_responses_total_by_status_view_method_total{$selector,status=~"5.."}'
        "[$__rate_interval]))",
        "view",
        REQUESTS_IN_DJANGO,
    ),
    "{{view}}",
)
IN_DJANGO = "django_http_requests_latency_including_middlewares_seconds_bucket{$selector}"
CORES_USED = Query("sum(rate(pomar_workers_cpu_seconds_total{$selector}[$__rate_interval]))", "cores used")
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "workers")


def traffic() -> Panel:
    return timeseries(
        "Django traffic",
        "reqps",
        "Requests that reached Django and responses that left it. The lines lie on each other; a gap is requests"
        " that were killed or are stuck.",
        REACHED_DJANGO,
        LEFT_DJANGO,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Django errors",
        "reqps",
        "Responses of 500 and above by view. Good is none; one view is a bug, all views are what they share.",
        FAILING_VIEWS,
        width=6,
    )


def time(objective: Objective) -> Panel:
    return timeseries(
        "Django time",
        "s",
        "A whole request in Django, middlewares included, the database and the cache as well.",
        *quantiles(IN_DJANGO),
        thresholds=red_line(objective),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Django saturation",
        "suffix: cores",
        "CPU cores that the workers use together. A worker can use one at most, and the container's limit may"
        " come sooner. Flat at a ceiling while times grow: too little CPU.",
        CORES_USED,
        CORES_LIMIT,
        overrides={"workers": LIMIT},
        width=6,
    )
