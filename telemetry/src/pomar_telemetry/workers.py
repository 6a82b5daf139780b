"""Export the workers' counters and resource usage. Runs in the metrics process."""

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from pomar_telemetry.wipe import BEGAN, begin, metric_files, used_bytes

logger = logging.getLogger(__name__)


class WorkerMetrics:
    """The metrics of all workers, summed over their metric files.

    A worker that is killed while it is creating its file leaves an empty file, which would make every scrape fail. A
    file that has never had any content is therefore skipped.

    If the directory or a file in it is lost or damaged, all counters restart from zero, with a new
    ``pomar_counters_start_time_seconds``. Otherwise, the sum over the remaining files would drop, and Prometheus would
    read that as a reset followed by a large increase.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: set[Path] = set()
        self._reason = ""

    def collect(self) -> list[Metric]:
        """Return all metrics that the workers have recorded, and the time at which the counters started from zero."""
        with self._lock:
            try:
                return self._read() or self._read() or self._restart()
            except OSError as error:
                logger.error("cannot read the workers' metrics: %s", error)
                return []

    def _read(self) -> list[Metric]:
        """Return all metrics, or an empty list if a file is damaged or if one that existed before is missing."""
        try:
            files = [path for path in metric_files(self._directory) if used_bytes(path) > 0]
            began = float((self._directory / BEGAN).read_text())
            metrics = list(MultiProcessCollector.merge(map(str, files)))
        except PermissionError:
            raise
        except Exception as error:
            # The client library may raise any exception for a file that another program has written to.
            self._reason = f"{type(error).__name__}: {error}"
            return []
        if lost := self._known - set(files):
            self._reason = f"missing or empty: {', '.join(sorted(path.name for path in lost))}"
            return []
        self._known = set(files)
        start = GaugeMetricFamily(
            "pomar_counters_start_time_seconds",
            "Unix time at which the counters of Django and uWSGI last started from zero. A restart or SIGHUP resets "
            "both, and losing the metrics directory resets Django's.",
            value=began,
        )
        return [start, *metrics]

    def _restart(self) -> list[Metric]:
        logger.error("%s is damaged (%s): all worker counters restart from zero.", self._directory, self._reason)
        self._known = set()
        begin(self._directory)
        return self._read()


class WorkerProcesses:
    """The workers' memory, open files and CPU time, from the operating system.

    A worker's slot is in its process title, which uWSGI sets (``auto-procname``). The stats server is not used, because
    a client that connects to it and stays silent blocks all others.
    """

    def __init__(self, master: psutil.Process) -> None:
        self._master = master
        self._cpu_seconds = 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield the running workers' metrics. A worker that exits in the meantime is omitted."""
        memory = GaugeMetricFamily(
            "pomar_worker_resident_memory_bytes",
            "Resident memory of a worker in bytes.",
            labels=["worker_id"],
        )
        files = GaugeMetricFamily("pomar_worker_open_fds", "Open file descriptors of a worker.", labels=["worker_id"])
        ended = self._master.cpu_times()
        cpu_seconds = ended.children_user + ended.children_system
        for process in self._master.children():
            try:
                worker = re.fullmatch(r"uWSGI worker (\d+)", " ".join(process.cmdline()).strip())
                if not worker:
                    continue
                with process.oneshot():
                    times = process.cpu_times()
                    memory.add_metric([worker[1]], process.memory_info().rss)
                    files.add_metric([worker[1]], process.num_fds())
                    cpu_seconds += times.user + times.system
            except psutil.NoSuchProcess:
                continue
        # A worker that exits between the two reads is in neither sum. The counter then keeps its value, because it
        # must not go backwards.
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        yield memory
        yield files
        yield CounterMetricFamily(
            "pomar_workers_cpu_seconds_total",
            "CPU time used by the workers in seconds, including workers that have exited.",
            value=self._cpu_seconds,
        )
