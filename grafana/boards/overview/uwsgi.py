"""uWSGI's traffic, errors, time and saturation."""

from grafana.boards.overview.nginx import PASSED_ON
from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import ALMOST_FULL

SERVED = Query("sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))", "requests")
HARAKIRI = Query("sum(rate(uwsgi_worker_harakiri_count_total{$selector}[$__rate_interval]))", "killed by harakiri")
ESCAPED = Query("sum(rate(uwsgi_worker_exceptions_total{$selector}[$__rate_interval]))", "exceptions")
NO_ANSWER = [
    Query(
        or_zero(
            f'sum(rate(nginx_http_upstream_requests_total{{$selector,outcome="{outcome}"}}[$__rate_interval]))',
            PASSED_ON,
        ),
        outcome,
    )
    for outcome in ("unanswered", "unreached")
]
TIME_IN_WORKER = Query(
    "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))"
    " / sum(rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))",
    "mean in a worker",
)
TIME_WITH_QUEUE = Query(
    "sum(rate(nginx_http_upstream_response_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(nginx_http_upstream_response_duration_seconds_count{$selector}[$__rate_interval]))",
    "mean, waiting included",
)
# Busy is a look at one moment: it misses short requests, and sees the stuck one that the time spent does not have yet.
WORKERS_BUSY = Query("avg(avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval]))", "seen busy")
WORKER_TIME = Query(
    "sum(rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval])) / sum(uwsgi_workers{$selector})",
    "worker time used",
)
QUEUE_FULL = Query(
    "sum(uwsgi_socket_queue_length{$selector}) / sum(uwsgi_socket_max_queue_length{$selector})", "listen queue used"
)


def traffic() -> Panel:
    return timeseries(
        "uWSGI traffic",
        "reqps",
        "Requests that workers finished. It follows what NGINX passes on; less means that requests wait or die.",
        SERVED,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "uWSGI errors",
        "reqps",
        "Good is 0. Killed by harakiri took too long; unanswered is what NGINX saw of it; unreached found uWSGI"
        " down or its queue full.",
        HARAKIRI,
        ESCAPED,
        *NO_ANSWER,
        width=6,
    )


def time() -> Panel:
    return timeseries(
        "uWSGI time",
        "s",
        "Mean time in a worker, and the same as NGINX waits for it. The lines lie close together; a gap is time"
        " spent in the queue.",
        TIME_IN_WORKER,
        TIME_WITH_QUEUE,
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "uWSGI saturation",
        "percentunit",
        "Share of the workers' time spent in requests, of workers seen in one, and of the listen queue in use."
        " Seen busy alone means stuck; a queue that stays above 0 means too few workers.",
        WORKER_TIME,
        WORKERS_BUSY,
        QUEUE_FULL,
        max=1,
        thresholds=ALMOST_FULL,
        width=6,
    )
