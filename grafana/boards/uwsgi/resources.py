"""The workers' memory, CPU usage and open files."""

from grafana.boards.panels import LIMIT, Panel, timeseries
from grafana.boards.queries import Query
from grafana.boards.uwsgi.requests import WORKER
from grafana.boards.uwsgi.workers import MEMORY

MEMORY_BY_UWSGI = Query("sum(uwsgi_worker_rss_bytes{$selector} > 0)", "resident (after last request)")
MEMORY_BY_SYSTEM = Query("sum(pomar_worker_resident_memory_bytes{$selector})", "resident (now)")
MEMORY_VIRTUAL = Query("sum(uwsgi_worker_vsz_bytes{$selector} > 0)", "virtual")
CORES = Query("sum(rate(pomar_workers_cpu_seconds_total{$selector}[$__rate_interval]))", "used")
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "one core per worker")
FILES = Query("sum by (instance, worker_id) (pomar_worker_open_fds{$selector})", WORKER)


def memory_by_worker() -> Panel:
    return timeseries(
        "Memory by worker",
        "bytes",
        "Resident memory, as measured by each worker after its last request. Should be flat. If it grows until the"
        " next restart, there is a leak.",
        MEMORY,
        width=6,
        runbook="WorkerMemory",
    )


def memory_of_all() -> Panel:
    return timeseries(
        "Memory of all workers",
        "bytes",
        "Resident memory now, and as measured by the workers after their last request. The value for now is higher"
        " while a request is using a lot of memory, or before a worker's first request. Virtual memory is reserved,"
        " not used.",
        MEMORY_BY_SYSTEM,
        MEMORY_BY_UWSGI,
        MEMORY_VIRTUAL,
        width=6,
    )


def cpu() -> Panel:
    return timeseries(
        "CPU usage",
        "suffix: cores",
        "CPU cores used by all workers, including the time to load the shop at startup. A worker can use at most one"
        " core.",
        CORES,
        CORES_LIMIT,
        overrides={"one core per worker": LIMIT},
        width=6,
    )


def open_files() -> Panel:
    return timeseries(
        "Open file descriptors",
        "short",
        "File descriptors of each worker, including connections. Should be flat; steady growth is a leak that will end"
        " in errors.",
        FILES,
        width=6,
    )
