"""Memory, CPU and files of the workers."""

from grafana.boards.panels import LIMIT, Panel, timeseries
from grafana.boards.queries import Query
from grafana.boards.uwsgi.requests import WORKER
from grafana.boards.uwsgi.workers import MEMORY

MEMORY_BY_UWSGI = Query("sum(uwsgi_worker_rss_bytes{$selector} > 0)", "resident, after the last request")
MEMORY_BY_SYSTEM = Query("sum(pomar_worker_resident_memory_bytes{$selector})", "resident, now")
MEMORY_VIRTUAL = Query("sum(uwsgi_worker_vsz_bytes{$selector} > 0)", "virtual")
CORES = Query("sum(rate(pomar_workers_cpu_seconds_total{$selector}[$__rate_interval]))", "used")
CORES_LIMIT = Query("count(pomar_worker_resident_memory_bytes{$selector})", "one a worker")
FILES = Query("sum by (instance, worker_id) (pomar_worker_open_fds{$selector})", WORKER)


def memory_by_worker() -> Panel:
    return timeseries(
        "Memory by worker",
        "bytes",
        "Resident memory, as each measured it after its last request. Good is flat; growth until the next start"
        " is a leak.",
        MEMORY,
        width=6,
        runbook="WorkerMemory",
    )


def memory_of_all() -> Panel:
    return timeseries(
        "Memory of all workers",
        "bytes",
        "What the system sees now beside what the workers measured. Now above the other is a request in flight"
        " that takes a lot, or workers without a request so far; virtual is reserved, not used.",
        MEMORY_BY_SYSTEM,
        MEMORY_BY_UWSGI,
        MEMORY_VIRTUAL,
        width=6,
    )


def cpu() -> Panel:
    return timeseries(
        "CPU",
        "suffix: cores",
        "CPU cores that the workers use together, loading the shop at their start included. A worker can use one"
        " at most.",
        CORES,
        CORES_LIMIT,
        overrides={"one a worker": LIMIT},
        width=6,
    )


def open_files() -> Panel:
    return timeseries(
        "Open files",
        "short",
        "File descriptors of each worker, connections included. Good is flat; steady growth is a leak that ends"
        " in errors.",
        FILES,
        width=6,
    )
