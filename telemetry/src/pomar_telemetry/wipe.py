"""Empty ``PROMETHEUS_MULTIPROC_DIR`` before uWSGI starts: a counter of an earlier pod must not live on in this one.

uWSGI runs it at SIGHUP as well, which sets its own counters to zero. When that was is kept in the file ``began``.
While a process still maps one of the files (a second start by mistake, say) nothing is touched and the start ends.
"""

import os
import re
import shutil
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

#: Holds the unix time since which the counters count.
BEGAN = "began"
#: The names that the client library gives to its files, by worker slot or process id. Nothing else is deleted.
METRIC_FILE = re.compile(r"(counter|histogram|summary|gauge_[a-z]+)_\d+\.db")
#: What the two files of a worker grow to after every view, method and status: tests/config/test_extremes.py.
WORKER_BYTES = 2 * 1024 * 1024


def metric_files(directory: Path) -> list[Path]:
    """Return the client library's files; raises OSError when the directory cannot be read."""
    return sorted(path for path in directory.iterdir() if METRIC_FILE.fullmatch(path.name))


def used_bytes(path: Path) -> int:
    """Return how much of a metric file is in use, as its first four bytes say: 0 while it is being made."""
    with path.open("rb") as file:
        head = file.read(4)
    return struct.unpack("i", head)[0] if len(head) == 4 else 0


def begin(directory: Path) -> None:
    """Let all counters begin at 0: make or empty the directory, and note the time; raises OSError.

    A worker that runs sees the new time within a second, and goes on in new files (pomar_telemetry.multiprocess).
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in metric_files(directory):
        path.unlink()
    fresh = directory / f"{BEGAN}.new"
    fresh.unlink(missing_ok=True)
    fresh.write_text(f"{time.time():.3f}")
    fresh.replace(directory / BEGAN)


def user_of(directory: Path) -> "psutil.Process | None":
    """Return a living process that has mapped a metric file of ``directory``, if there is one."""
    # Here, because the workers import this module, and need no psutil.
    import psutil

    for process in psutil.process_iter():
        try:
            if any(Path(mapping.path).parent == directory for mapping in process.memory_maps()):
                return process
        except (psutil.Error, OSError):
            continue
    return None


def main() -> None:
    """Create the directory or empty it; exit with one sentence when it is in use or cannot hold the metrics."""
    name = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if not name:
        sys.exit("PROMETHEUS_MULTIPROC_DIR is empty: set it to a directory for the metrics alone, or leave it unset.")
    directory = Path(name).resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.geteuid():
            sys.exit(f"{directory} belongs to another user: set PROMETHEUS_MULTIPROC_DIR to a directory of your own.")
        if user := user_of(directory):
            sys.exit(f"{directory} is in use by process {user.pid}: stop it, or set PROMETHEUS_MULTIPROC_DIR.")
        begin(directory)
        workers = os.environ.get("UWSGI_WORKERS", "4")
        needed = WORKER_BYTES * (int(workers) if workers.isdecimal() else 1)
        if (free := shutil.disk_usage(directory).free) < needed:
            sys.exit(
                f"{directory} has {free // 1024:,} KiB free, but the metrics of {workers} workers may need "
                f"{needed // 1024:,} KiB: free some space, or set PROMETHEUS_MULTIPROC_DIR."
            )
    except OSError as error:
        sys.exit(f"{directory} cannot hold the metrics ({error.strerror}): set PROMETHEUS_MULTIPROC_DIR.")


if __name__ == "__main__":
    main()
