"""The workers: how busy they are and what waits for one."""

from grafana.boards.panels import LIMIT, Column, Panel, stat, table, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import SHARE_USED
from grafana.boards.uwsgi.requests import WORKER

SHARE_BUSY = Query("avg(avg_over_time(uwsgi_worker_busy{$selector}[$__rate_interval]))")
WAITING = Query("sum(uwsgi_listen_queue_length{$selector})")

# Looks at single moments, hence their mean.
STATES = [
    Query(f"sum(avg_over_time(uwsgi_worker_{state}{{$selector}}[$__rate_interval]))", name)
    for state, name in (("busy", "busy"), ("idle", "idle"), ("cheap", "stopped to save memory"))
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

# A column each: 1 is yes.
BUSY = Query("max by (instance, worker_id) (uwsgi_worker_busy{$selector})")
ACCEPTS = Query("max by (instance, worker_id) (uwsgi_worker_accepting{$selector})")
APPS = Query("max by (instance, worker_id) (uwsgi_worker_apps{$selector})")
SINCE_START = Query("max by (instance, worker_id) (uwsgi_worker_delta_requests{$selector})")
STARTS = Query("max by (instance, worker_id) (uwsgi_worker_respawn_count_total{$selector})")
LOADING = Query("max by (instance, worker_id) (uwsgi_worker_app_startup_time_seconds{$selector})")

# A worker has not measured anything before its first request.
MEMORY = Query("sum by (instance, worker_id) (uwsgi_worker_rss_bytes{$selector} > 0)", WORKER)


def share_busy() -> Panel:
    return stat(
        "Workers busy",
        "percentunit",
        "Share of workers that were seen in a request. Good is below 70%; at 100% the next request waits.",
        SHARE_BUSY,
        thresholds=SHARE_USED,
        runbook="WorkersSaturated",
    )


def waiting() -> Panel:
    return stat(
        "Waiting for a worker",
        "short",
        "Connections in the listen queue. Good is 0; one that stays means too few workers or stuck ones.",
        WAITING,
        thresholds=((None, "green"), (1, "orange"), (10, "red")),
    )


def busy_and_idle() -> Panel:
    return timeseries(
        "Busy and idle workers",
        "short",
        "Workers seen in a request, on average, and those that wait for one. Busy at the red line means that"
        " requests queue.",
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
        "Connections that wait for a worker, at the worst, by socket. Good is 0. At the limit NGINX is turned"
        " away, and visitors get a 504.",
        QUEUED,
        QUEUE_LIMIT,
        overrides={"limit": LIMIT},
        width=12,
        height=9,
        runbook="ListenQueueFilling",
    )


def time_worked() -> Panel:
    return timeseries(
        "Time worked",
        "percentunit",
        "Share of its time that each worker spent in requests. It counts a request when it ends, so a stuck"
        " worker shows 0 here and busy above.",
        WORKED_BY_WORKER,
    )


def requests_by_worker() -> Panel:
    return timeseries(
        "Requests by worker",
        "reqps",
        "Which worker takes a request is chance, so they share alike under load. One at 0 while others work is stuck.",
        REQUESTS_BY_WORKER,
        stacked=True,
    )


def each_worker() -> Panel:
    return table(
        "Each worker",
        "At the end of the time shown. Good is a worker that accepts and has one application. Many starts at a"
        " low age are workers that die.",
        (
            Column("instance", "Instance"),
            Column("worker_id", "Worker"),
            Column("#A", "State", mappings={"0": ("not in a request", "green"), "1": ("busy", "orange")}),
            Column("#B", "Accepts", mappings={"0": ("no", "red"), "1": ("yes", "green")}),
            Column("#C", "Applications", unit="short"),
            Column("#D", "Requests since start", unit="short"),
            Column("#E", "Starts", unit="short"),
            Column("#F", "Age", unit="s"),
            Column("#G", "Time to load", unit="s"),
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
