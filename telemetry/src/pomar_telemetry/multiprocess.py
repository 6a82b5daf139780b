"""Name the metric files in ``PROMETHEUS_MULTIPROC_DIR`` by uWSGI worker slot.

By default, the client library names these files by process ID, so each respawned worker would add new files and make
scrapes slower. uWSGI numbers its workers from 1 to N, and a respawned worker gets its predecessor's number, its slot.
With slots in the file names, no files are added, and a respawned worker continues its predecessor's counters.
"""

import os
import sys
import time
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from pomar_telemetry.wipe import BEGAN, metric_files, used_bytes

#: How often a worker checks whether the counters have been reset, in seconds.
CHECK_SECONDS = 1.0


class Slot:
    """A worker's slot, which the client library uses in its file names.

    Whenever a value changes, the library compares the slot with the previous one. If they differ, it reopens the files
    and reads the values from them. Two instances always differ, even if they have the same number.
    """

    def __init__(self, number: int) -> None:
        self._number = number

    def __str__(self) -> str:
        return str(self._number)


class CurrentSlot:
    """Returns this worker's slot. After each counter reset (``pomar_telemetry.wipe.begin``), it is a new instance."""

    def __init__(self, directory: Path, number: int) -> None:
        self._began = directory / BEGAN
        self._number = number
        self._slot = Slot(number)
        self._identity = self._check()
        self._check_at = time.monotonic() + CHECK_SECONDS

    def __call__(self) -> Slot:
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + CHECK_SECONDS
            identity = self._check()
            # If the file is missing, the metrics process is about to write it.
            if identity and identity != self._identity:
                self._identity = identity
                self._slot = Slot(self._number)
        return self._slot

    def _check(self) -> tuple[int, int] | None:
        try:
            found = self._began.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def use_worker_slots() -> None:
    """Name the metric files by uWSGI worker slot. Call this before any metric is created.

    Outside uWSGI (``manage.py``, tests) this does nothing, and metrics stay in the process. If the directory is not
    writable, the worker logs one sentence, and its metrics also stay in the process, because serving requests matters
    more than recording metrics.
    """
    try:
        import uwsgi
    except ImportError:
        return
    directory, number = os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), uwsgi.worker_id()
    problem = "set PROMETHEUS_MULTIPROC_DIR to a directory that contains nothing else"
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
    """Make sure that the slot's files can be opened, even if the directory has been lost or a file is damaged."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in metric_files(directory):
        if path.stem.rpartition("_")[2] != str(number) or not path.stat().st_size:
            continue
        try:
            if used_bytes(path) < 0:
                raise ValueError
            list(MmapedDict.read_all_values_from_file(path))
        except Exception:
            # Without this file, the sums over all workers would drop, and Prometheus would read that as a reset
            # followed by a large increase. Remove the start time as well, so that all counters restart from zero.
            path.unlink()
            (directory / BEGAN).unlink(missing_ok=True)
    with (directory / f"counter_{number}.db").open("ab"):
        pass
