"""Convert uWSGI's statistics to the metrics of timonwong/uwsgi_exporter 1.3.0, which are listed here in tables."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client.core import Metric

from pomar_telemetry.uwsgi_exporter.source import StatsError

MICROSECONDS = 1_000_000
WORKER_STATUSES = ("busy", "idle", "cheap")


class Figure(NamedTuple):
    """A metric: its name without a prefix, its HELP text, uWSGI's key for it, and a divisor for its value."""

    name: str
    help: str
    key: str
    divisor: int = 1


POOL = (
    Figure("listen_queue_length", "Length of listen queue.", "listen_queue"),
    Figure("listen_queue_errors", "Number of listen queue errors.", "listen_queue_errors"),
    Figure("signal_queue_length", "Length of signal queue.", "signal_queue"),
    Figure("workers", "Number of workers.", "workers"),
)
SOCKET = (
    Figure("queue_length", "Length of socket queue.", "queue"),
    Figure("max_queue_length", "Max length of socket queue.", "max_queue"),
    Figure("shared", "Is shared socket?", "shared"),
    Figure("can_offload", "Can socket offload?", "can_offload"),
)
WORKER = (
    Figure("accepting", "Is this worker accepting requests?", "accepting"),
    Figure("delta_requests", "Number of delta requests", "delta_requests"),
    Figure("signal_queue_length", "Length of signal queue.", "signal_queue"),
    Figure("rss_bytes", "Worker RSS bytes.", "rss"),
    Figure("vsz_bytes", "Worker VSZ bytes.", "vsz"),
    Figure("running_time_seconds", "Worker running time in seconds.", "running_time", MICROSECONDS),
    Figure("last_spawn_time_seconds", "Last spawn time in seconds since epoch.", "last_spawn"),
    Figure("average_response_time_seconds", "Average response time in seconds.", "avg_rt", MICROSECONDS),
    Figure("apps", "Number of apps.", "apps"),
    Figure("cores", "Number of cores.", "cores"),
    Figure("busy", "Is core in busy", "busy"),
    Figure("idle", "Is core in idle", "idle"),
    Figure("cheap", "Is core in cheap mode", "cheap"),
    Figure("requests_total", "Total number of requests.", "requests"),
    Figure("exceptions_total", "Total number of exceptions.", "exceptions"),
    Figure("harakiri_count_total", "Total number of harakiri count.", "harakiri_count"),
    Figure("signals_total", "Total number of signals.", "signals"),
    Figure("respawn_count_total", "Total number of respawn count.", "respawn_count"),
    Figure("transmitted_bytes_total", "Worker transmitted bytes.", "tx"),
)
WORKER_APP = (
    Figure("startup_time_seconds", "How long this app took to start.", "startup_time"),
    Figure("requests_total", "Total number of requests.", "requests"),
    Figure("exceptions_total", "Total number of exceptions.", "exceptions"),
)
WORKER_CORE = (
    Figure("busy", "Is core busy", "in_request"),
    Figure("requests_total", "Total number of requests.", "requests"),
    Figure("static_requests_total", "Total number of static requests.", "static_requests"),
    Figure("routed_requests_total", "Total number of routed requests.", "routed_requests"),
    Figure("offloaded_requests_total", "Total number of offloaded requests.", "offloaded_requests"),
    Figure("write_errors_total", "Total number of write errors.", "write_errors"),
    Figure("read_errors_total", "Total number of read errors.", "read_errors"),
)
# Counters whose names do not end with _total in the original.
CACHE_COUNTERS = (
    Figure("hits", "Total number of hits.", "hits"),
    Figure("misses", "Total number of misses.", "miss"),
    Figure("full", "Total Number of times cache full was hit.", "full"),
)
CACHE = (
    *CACHE_COUNTERS,
    Figure("items", "Items in cache.", "items"),
    Figure("max_items", "Max items for this cache.", "max_items"),
)


def stats_families(stats: dict[str, Any], uri: str, *, cores: bool = False) -> list[Metric]:
    """Turn uWSGI's statistics into metrics. ``cores`` adds metrics for each worker's cores.

    Raises StatsError if a value has the wrong type.
    """
    # A worker with id 0 is a free slot, which occurs in uWSGI's cheaper mode.
    workers = {(str(worker["id"]),): worker for worker in _rows(stats, "workers") if _number(worker, "id")}
    # If two sockets have the same name and protocol, only the first is exported, as in the original.
    sockets: dict[tuple[str, ...], dict] = {}
    for row in _rows(stats, "sockets"):
        sockets.setdefault((_text(row, "name"), _text(row, "proto")), row)
    apps = {
        (*worker_id, str(_number(app, "id")), _text(app, "mountpoint"), _text(app, "chdir")): app
        for worker_id, worker in workers.items()
        for app in _rows(worker, "apps")
    }
    cores_of_workers = {
        (*worker_id, str(_number(core, "id"))): core
        for worker_id, worker in (workers.items() if cores else ())
        for core in _rows(worker, "cores")
    }
    caches = {(_text(cache, "name"),): cache for cache in _rows(stats, "caches")}
    pool = {(): stats | {"workers": len(workers)}}
    counted_workers = {labels: _with_counts(worker) for labels, worker in workers.items()}
    return [
        *_table("uwsgi_", POOL, uri, (), pool),
        *_table("uwsgi_socket_", SOCKET, uri, ("name", "proto"), sockets),
        *_table("uwsgi_worker_", WORKER, uri, ("worker_id",), counted_workers),
        *_table("uwsgi_worker_app_", WORKER_APP, uri, ("worker_id", "app_id", "mountpoint", "chdir"), apps),
        *_table("uwsgi_worker_core_", WORKER_CORE, uri, ("worker_id", "core_id"), cores_of_workers),
        *_table("uwsgi_cache_", CACHE, uri, ("name",), caches),
    ]


def _with_counts(worker: dict[str, Any]) -> dict[str, Any]:
    status = _text(worker, "status")
    counts = {name: len(_rows(worker, name)) for name in ("apps", "cores")}
    return worker | counts | {name: int(name == status) for name in WORKER_STATUSES}


def _table(
    prefix: str,
    figures: tuple[Figure, ...],
    uri: str,
    label_names: tuple[str, ...],
    rows: dict[tuple[str, ...], dict[str, Any]],
) -> Iterator[Metric]:
    for figure in figures:
        name = prefix + figure.name
        counter = name.endswith("_total") or figure in CACHE_COUNTERS
        # Do not use CounterMetricFamily, which would also append _total to the name of each sample.
        family = Metric(name.removesuffix("_total"), figure.help, "counter" if counter else "gauge")
        for values, row in rows.items():
            if figure.key in row:
                labels = dict(zip(("stats_uri", *label_names), (uri, *values), strict=True))
                family.add_sample(name, labels, _number(row, figure.key) / figure.divisor)
        if family.samples:
            yield family


def _rows(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = holder.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StatsError(f"{key!r} in uWSGI's statistics is not a list of objects")
    return rows


def _number(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    # uWSGI's numbers fit in 64 bits. A larger one is wrong, and may not fit in a float.
    if type(value) is not int or abs(value) >= 2**64:
        raise StatsError(f"{key!r} in uWSGI's statistics is not a whole number")
    return value


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise StatsError(f"{key!r} in uWSGI's statistics is not a string")
    return value
