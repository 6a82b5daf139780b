"""What uWSGI's workers counted and what they cost, read from outside them."""

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
    """The metrics of all workers, added up from the files that they share.

    A file of length zero, which a worker killed while it creates its file leaves behind, would end each scrape
    with an error: it holds nothing yet, so it is passed over, unless it held something before.

    When the directory, or a file in it, is lost or damaged, all counters begin again, with a new
    ``pomar_counters_start_time_seconds``: a sum over fewer files would go back, and read as a large increase.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: set[Path] = set()
        self._reason = ""

    def collect(self) -> list[Metric]:
        """Return every metric that a worker has touched since the counters began, and when that was."""
        with self._lock:
            try:
                return self._whole() or self._whole() or self._begun_again()
            except OSError as error:
                logger.error("the metrics of the workers cannot be read: %s", error)
                return []

    def _whole(self) -> list[Metric]:
        """Return all metrics; nothing when something that was there is lost, or cannot be read."""
        try:
            files = [path for path in metric_files(self._directory) if used_bytes(path) > 0]
            began = float((self._directory / BEGAN).read_text())
            metrics = list(MultiProcessCollector.merge(map(str, files)))
        except PermissionError:
            raise
        except Exception as error:
            # Whatever the client library makes of a file that another program wrote to.
            self._reason = f"{type(error).__name__}: {error}"
            return []
        if lost := self._known - set(files):
            self._reason = f"missing or empty: {', '.join(sorted(path.name for path in lost))}"
            return []
        self._known = set(files)
        start = GaugeMetricFamily(
            "pomar_counters_start_time_seconds",
            "Unix time at which the counters of Django and uWSGI last started from zero: a restart or SIGHUP resets "
            "them, and losing the metrics directory resets Django's.",
            value=began,
        )
        return [start, *metrics]

    def _begun_again(self) -> list[Metric]:
        logger.error("%s is damaged (%s): all worker counters restart from zero.", self._directory, self._reason)
        self._known = set()
        begin(self._directory)
        return self._whole()


class WorkerProcesses:
    """Memory, open files and CPU time of the workers, as the system sees the processes.

    Which process has which slot stands in its name, which uWSGI gives it (``auto-procname``): the statistics are not
    asked, because a client that connects to them and stays silent holds up all others.
    """

    def __init__(self, master: psutil.Process) -> None:
        self._master = master
        self._cpu_seconds = 0.0

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of the workers that live at this moment; one that ends meanwhile is left out."""
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
        # A worker that ends between the two looks is in neither sum: the counter waits rather than go back.
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        yield memory
        yield files
        yield CounterMetricFamily(
            "pomar_workers_cpu_seconds_total",
            "CPU time of the workers in seconds, those that have ended included.",
            value=self._cpu_seconds,
        )
