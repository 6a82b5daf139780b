"""uWSGI's traffic, errors, latency and saturation."""

from grafana.boards.overview.nginx import UPSTREAM_REQUESTS
from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import ALMOST_FULL

FINISHED = Query("sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))", "requests")
HARAKIRI = Query("sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
UNCAUGHT = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "exceptions")
NO_RESPONSE = [
    Query(
        or_zero(
            f'sum(rate(nginx_http_upstream_requests_total{{$selector,outcome="{outcome}"}}[$__rate_interval]))',
            UPSTREAM_REQUESTS,
        ),
        outcome,
    )
    for outcome in ("unanswered", "unreached")
]
TIME_IN_WORKER = Query(
    "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
    " / sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))",
    "in a worker",
)
TIME_WITH_QUEUE = Query(
    "sum(rate(nginx_http_upstream_response_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(nginx_http_upstream_response_duration_seconds_count{$selector}[$__rate_interval]))",
    "with listen queue",
)
# The busy state is sampled at each scrape. This misses short requests but, unlike the running time, shows stuck ones.
WORKERS_BUSY = Query(
    "max(avg by (instance) (avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval])))", "busy workers"
)
WORKER_TIME = Query(
    "max(sum by (instance) (rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
    " / sum by (instance) (uwsgi_workers{$selector}))",
    "worker time",
)
QUEUE_FULL = Query(
    "max(sum by (instance) (uwsgi_socket_queue_length{$selector})"
    " / sum by (instance) (uwsgi_socket_max_queue_length{$selector}))",
    "listen queue",
)


def traffic() -> Panel:
    return timeseries(
        "uWSGI traffic",
        "reqps",
        "Requests that workers have finished. The rate should match the requests that NGINX passes to uWSGI; if it is"
        " lower, requests are being queued or lost.",
        FINISHED,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "uWSGI errors",
        "reqps",
        "Should be 0. Harakiri kills a worker whose request takes too long, and NGINX counts that request as"
        " unanswered. Unreached means that uWSGI is down or its listen queue is full.",
        HARAKIRI,
        UNCAUGHT,
        *NO_RESPONSE,
        width=6,
    )


def latency() -> Panel:
    return timeseries(
        "uWSGI latency",
        "s",
        "Mean time in a worker, and the mean time that NGINX waits for uWSGI. The lines should be close together; a"
        " gap is time in the listen queue.",
        TIME_IN_WORKER,
        TIME_WITH_QUEUE,
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "uWSGI saturation",
        "percentunit",
        "Share of worker time spent on requests, share of workers that are busy, and share of the listen queue in use,"
        " each at the instance where it is highest. Workers that are busy without worker time are stuck. A queue that"
        " stays above 0 means too few workers.",
        WORKER_TIME,
        WORKERS_BUSY,
        QUEUE_FULL,
        max=1,
        thresholds=ALMOST_FULL,
        width=6,
    )
