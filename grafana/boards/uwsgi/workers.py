"""The workers: how busy they are, and the listen queue."""

from grafana.boards.panels import LIMIT, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import SHARE_USED
from grafana.boards.uwsgi.requests import WORKER

SHARE_BUSY = Query("max(avg by (instance) (avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval])))")
QUEUED_NOW = Query("sum(uwsgi_listen_queue_length{$selector})")

# The states are sampled at each scrape, so use the mean over the rate interval.
STATES = [
    Query(f"sum(avg_over_time(uwsgi_worker_{state}{{$selector}}[$__rate_interval]))", name)
    for state, name in (("busy", "busy"), ("idle", "idle"), ("cheap", "stopped (cheap)"))
]
WORKERS = Query("sum(uwsgi_workers{$selector})", "all workers")
QUEUED = Query(
    "sum by (instance, name) (max_over_time(uwsgi_socket_queue_length{$selector}[$__rate_interval]))",
    "{{instance}} {{name}}",
)
QUEUE_LIMIT = Query("min(uwsgi_socket_max_queue_length{$selector})", "limit")
WORKED_BY_WORKER = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_running_time_seconds{$selector}[$__rate_interval]))", WORKER
)
REQUESTS_BY_WORKER = Query(
    "sum by (instance, worker_id) (rate(uwsgi_worker_requests_total{$selector}[$__rate_interval]))", WORKER
)
AGE_BY_WORKER = "time() - max by (instance, worker_id) (uwsgi_worker_last_spawn_time_seconds{$selector} > 0)"

# The columns of the table of workers. For busy and accepting, 1 means yes.
BUSY = Query("max by (instance, worker_id) (uwsgi_worker_busy{$selector})")
ACCEPTS = Query("max by (instance, worker_id) (uwsgi_worker_accepting{$selector})")
APPS = Query("max by (instance, worker_id) (uwsgi_worker_apps{$selector})")
SINCE_START = Query("max by (instance, worker_id) (uwsgi_worker_delta_requests{$selector})")
STARTS = Query("max by (instance, worker_id) (uwsgi_worker_respawn_count_total{$selector})")
LOADING = Query("max by (instance, worker_id) (uwsgi_worker_app_startup_time_seconds{$selector})")

# A worker measures its memory after each request, so it has no value before its first request.
MEMORY = Query("sum by (instance, worker_id) (uwsgi_worker_rss_bytes{$selector} > 0)", WORKER)


def share_busy() -> Panel:
    return stat(
        "Busy workers",
        "percentunit",
        "Share of an instance's workers that are handling a request, at the instance with the highest share. Should be"
        " below 70%; at 100%, the next request has to wait.",
        SHARE_BUSY,
        thresholds=SHARE_USED,
        runbook="WorkersSaturated",
    )


def queued() -> Panel:
    return stat(
        "Queued connections",
        "short",
        "Connections in the listen queue. Should be 0. If the value stays above 0, there are too few workers or they"
        " are stuck.",
        QUEUED_NOW,
        thresholds=((None, "green"), (1, "orange"), (10, "red")),
    )


def busy_and_idle() -> Panel:
    return timeseries(
        "Busy and idle workers",
        "short",
        "Mean number of workers that are handling a request, and mean number of idle workers. When busy reaches the"
        " red line, requests are being queued.",
        *STATES,
        WORKERS,
        overrides={"all workers": LIMIT},
        width=12,
        height=9,
    )


def listen_queue() -> Panel:
    return timeseries(
        "Listen queue",
        "short",
        "Maximum number of connections waiting for a worker, by socket. Should be 0. At the limit, NGINX cannot"
        " connect and visitors get a 504.",
        QUEUED,
        QUEUE_LIMIT,
        overrides={"limit": LIMIT},
        width=12,
        height=9,
        runbook="ListenQueueFilling",
    )


def utilization() -> Panel:
    return timeseries(
        "Worker utilization",
        "percentunit",
        "Share of time that each worker spends on requests. A request is counted when it finishes, so a stuck worker"
        " shows 0 here but is busy in the panel above.",
        WORKED_BY_WORKER,
    )


def requests_by_worker() -> Panel:
    return timeseries(
        "Request rate by worker",
        "reqps",
        "Workers pick up requests at random, so they share the load evenly. A worker at 0 while others are working is"
        " stuck.",
        REQUESTS_BY_WORKER,
        stacked=True,
    )


def each_worker() -> Panel:
    return table(
        "Workers",
        "State of each worker at the end of the selected time range. A healthy worker accepts requests and has one"
        " application. Many starts and a low age mean that the worker keeps dying.",
        (
            Column("instance", "Instance"),
            Column("worker_id", "Worker"),
            Column("#A", "State", mappings={"0": ("not busy", "green"), "1": ("busy", "orange")}),
            Column("#B", "Accepting", mappings={"0": ("no", "red"), "1": ("yes", "green")}),
            Column("#C", "Applications", unit="short"),
            Column("#D", "Requests since start", unit="short"),
            Column("#E", "Starts", unit="short"),
            Column("#F", "Age", unit="s"),
            Column("#G", "Load time", unit="s"),
            Column("#H", "Resident memory", unit="bytes"),
        ),
        BUSY,
        ACCEPTS,
        APPS,
        SINCE_START,
        STARTS,
        Query(AGE_BY_WORKER),
        LOADING,
        MEMORY,
        height=6,
    )
