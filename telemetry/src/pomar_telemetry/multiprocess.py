"""Which file of ``PROMETHEUS_MULTIPROC_DIR`` a process writes its metrics to.

The client library names the files by process id, so each respawned worker adds files and a scrape grows slower
for as long as the pod lives. uWSGI's workers have a slot (1…N) that a respawn inherits: named by slot, the files
stay as many as there are workers, and a counter goes on where the worker before it stopped.
"""

import os
import sys
import time
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from pomar_telemetry.wipe import BEGAN, metric_files, used_bytes

#: How often a worker looks whether the counters began again.
LOOK_SECONDS = 1.0


class Slot:
    """A worker's slot, as the client library puts it into the names of its files.

    The library asks for it whenever a value changes; when it gets another one than before, it opens files by that
    name and reads the values from them. Each ``Slot`` is another one.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __str__(self) -> str:
        return str(self._number)


class CurrentSlot:
    """Returns this worker's slot, and a new one once the counters began again (``pomar_telemetry.wipe.begin``)."""

    def __init__(self, directory: Path, number: int) -> None:
        self._began = directory / BEGAN
        self._number = number
        self._slot = Slot(number)
        self._identity = self._look()
        self._look_at = time.monotonic() + LOOK_SECONDS

    def __call__(self) -> Slot:
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            identity = self._look()
            # While the file is missing, the metrics process is about to write it.
            if identity and identity != self._identity:
                self._identity = identity
                self._slot = Slot(self._number)
        return self._slot

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._began.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def use_worker_slots() -> None:
    """Name the metric files by uWSGI's worker slot. Call it before any metric exists.

    Outside uWSGI (``manage.py``, tests) it does nothing: metrics then stay in the process. So they do, with one
    sentence in the log, without a directory that can be written to: a worker that serves is worth more than its
    metrics.
    """
    try:
        import uwsgi
    except ImportError:
        return
    directory, number = os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), uwsgi.worker_id()
    problem = "set PROMETHEUS_MULTIPROC_DIR to a directory for them alone"
    if directory:
        try:
            _prepare(Path(directory), number)
            values.ValueClass = values.MultiProcessValue(process_identifier=CurrentSlot(Path(directory), number))
            return
        except OSError as error:
            problem = f"{directory}: {error.strerror}"
    print(f"telemetry: worker {number} cannot record metrics: {problem}.", file=sys.stderr)
    values.ValueClass = values.MutexValue


def _prepare(directory: Path, number: int) -> None:
    """Make sure that the files of a slot can be opened: the directory may be lost, or a file in it damaged."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in metric_files(directory):
        if path.stem.rpartition("_")[2] != str(number) or not path.stat().st_size:
            continue
        try:
            if used_bytes(path) < 0:
                raise ValueError
            list(MmapedDict.read_all_values_from_file(path))
        except Exception:
            # The sums of all workers would go back a little, which reads as a large increase: all begin again.
            path.unlink()
            (directory / BEGAN).unlink(missing_ok=True)
    with (directory / f"counter_{number}.db").open("ab"):
        pass
