"""The metrics of timonwong/uwsgi_exporter 1.3.0 as tables, and their filling from uWSGI's statistics."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from uwsgi_stats.source import StatsError

MICROSECONDS = 1_000_000
WORKER_STATUSES = ("busy", "idle", "cheap")


class Figure(NamedTuple):
    """A metric's name after its prefix, its HELP, uWSGI's key, and what the figure is divided by."""

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


def stats_families(stats: dict[str, Any], uri: str) -> list[Metric]:
    """Turn uWSGI's statistics into metrics; raises StatsError when a value has not the type it must have."""
    # A worker with id 0 is a place that the cheaper mode keeps free.
    workers = {(str(worker["id"]),): worker for worker in _rows(stats, "workers") if _number(worker, "id")}
    # Two sockets may share name and protocol: the first one stands for both, as in the original.
    sockets: dict[tuple[str, ...], dict] = {}
    for row in _rows(stats, "sockets"):
        sockets.setdefault((_text(row, "name"), _text(row, "proto")), row)
    apps = {
        (*worker_id, str(_number(app, "id")), _text(app, "mountpoint"), _text(app, "chdir")): app
        for worker_id, worker in workers.items()
        for app in _rows(worker, "apps")
    }
    pool = {(): stats | {"workers": len(workers)}}
    counted_workers = {labels: _with_counts(worker) for labels, worker in workers.items()}
    return [
        *_table("uwsgi_", POOL, uri, (), pool),
        *_table("uwsgi_socket_", SOCKET, uri, ("name", "proto"), sockets),
        *_table("uwsgi_worker_", WORKER, uri, ("worker_id",), counted_workers),
        *_table("uwsgi_worker_app_", WORKER_APP, uri, ("worker_id", "app_id", "mountpoint", "chdir"), apps),
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
        kind = CounterMetricFamily if figure.name.endswith("_total") else GaugeMetricFamily
        family = kind(prefix + figure.name, figure.help, labels=("stats_uri", *label_names))
        for labels, row in rows.items():
            if figure.key in row:
                family.add_metric((uri, *labels), _number(row, figure.key) / figure.divisor)
        if family.samples:
            yield family


def _rows(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = holder.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StatsError(f"{key!r} in uWSGI's statistics is not a list of objects")
    return rows


def _number(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    # Beyond 64 bits it is no figure of uWSGI's, and might be too large for a float.
    if type(value) is not int or abs(value) >= 2**64:
        raise StatsError(f"{key!r} in uWSGI's statistics is not a whole number")
    return value


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise StatsError(f"{key!r} in uWSGI's statistics is not a text")
    return value
