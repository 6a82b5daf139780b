"""What uWSGI's workers counted and what they cost, read from outside them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from telemetry.wipe import BEGAN

#: uWSGI's statistics are served by its master, so they answer while every worker is stuck; seconds to wait for them.
STATS_TIMEOUT = 0.1


class WorkerMetrics:
    """The metrics of all workers, added up from the files that they share.

    A file of length zero, which a worker killed while it creates its file leaves behind, would end each scrape
    with an error: it holds nothing yet, so it is passed over.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> list[Metric]:
        """Return every metric that a worker has touched since the pod started, and when that was."""
        files = [str(path) for path in sorted(self._directory.glob("*.db")) if path.stat().st_size]
        began = GaugeMetricFamily(
            "pomar_counters_start_time_seconds",
            "Unix time since which the counters of Django and uWSGI count: a restart or SIGHUP sets them to zero.",
            value=float((self._directory / BEGAN).read_text()),
        )
        return [began, *MultiProcessCollector.merge(files)]


class WorkerProcesses:
    """Memory, open files and CPU time of the workers, as the system sees the processes.

    Which process has which slot is asked of uWSGI's statistics, at ``APP_STATS_PORT`` (1717) of this pod.
    """

    def __init__(self, master: psutil.Process) -> None:
        self._master = master
        self._stats = f"http://127.0.0.1:{os.environ.get('APP_STATS_PORT', '1717')}"
        self._cpu_seconds = 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of the workers that live at this moment; one that ends meanwhile is left out."""
        memory = GaugeMetricFamily(
            "pomar_worker_resident_memory_bytes",
            "Resident memory of a worker in bytes.",
            labels=["worker_id"],
        )
        files = GaugeMetricFamily("pomar_worker_open_fds", "Open file descriptors of a worker.", labels=["worker_id"])
        slots = self._slots()
        ended = self._master.cpu_times()
        cpu_seconds = ended.children_user + ended.children_system
        for process in self._master.children():
            if process.pid not in slots:
                continue
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory.add_metric([slots[process.pid]], process.memory_info().rss)
                    files.add_metric([slots[process.pid]], process.num_fds())
                    cpu_seconds += times.user + times.system
            except psutil.NoSuchProcess:
                continue
        # A worker that ends between the two looks is in neither sum: the counter waits rather than go back.
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        yield memory
        yield files
        yield CounterMetricFamily(
            "pomar_workers_cpu_seconds_total",
            "CPU time of the workers in seconds, those that have ended included.",
            value=self._cpu_seconds,
        )

    def _slots(self) -> dict[int, str]:
        """Return the slot of each worker's process; nothing when uWSGI does not say, as while it starts."""
        try:
            with urlopen(self._stats, timeout=STATS_TIMEOUT) as answer:
                return {worker["pid"]: str(worker["id"]) for worker in json.load(answer)["workers"]}
        except (OSError, ValueError):
            return {}
