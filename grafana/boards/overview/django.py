"""Django's traffic, errors, latency and saturation."""

from grafana.boards.objectives import Objective, red_line
from grafana.boards.panels import LIMIT, Panel, timeseries
from grafana.boards.queries import Query, or_none, quantiles

REQUESTS_IN_DJANGO = "sum(rate(django_http_requests_before_middlewares_total{$selector}[$__rate_interval]))"

REACHED_DJANGO = Query(REQUESTS_IN_DJANGO, "requests")
LEFT_DJANGO = Query(
    "sum(rate(django_http_responses_before_middlewares_total{$selector}[$__rate_interval]))", "responses"
)
# Until a view fails, there is no series and the line "none" is shown.
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
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "one core per worker")


def traffic() -> Panel:
    return timeseries(
        "Django traffic",
        "reqps",
        "Requests that reached Django and responses that left it. The lines should coincide; a gap means that requests"
        " are stuck or have been killed.",
        REACHED_DJANGO,
        LEFT_DJANGO,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Django errors",
        "reqps",
        "5xx responses by view. There should be none. A single view points to a bug in that view; all views point to"
        " something that they share.",
        FAILING_VIEWS,
        width=6,
    )


def latency(objective: Objective) -> Panel:
    return timeseries(
        "Django latency",
        "s",
        "Response time in Django, including middleware, database and cache. p95 should be well below the red line.",
        *quantiles(IN_DJANGO),
        thresholds=red_line(objective),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Django saturation",
        "suffix: cores",
        "CPU cores used by all workers. A worker can use at most one core, and the container's limit may be lower. If"
        " the line is flat at the top while response times grow, there is too little CPU.",
        CORES_USED,
        CORES_LIMIT,
        overrides={"one core per worker": LIMIT},
        width=6,
    )
