"""Empty ``PROMETHEUS_MULTIPROC_DIR`` before uWSGI starts, so that counters start from zero.

uWSGI also runs this program on SIGHUP, which resets uWSGI's own counters. The file ``began`` contains the time of the
last reset. If a process still has a metric file mapped, for example because uWSGI was started twice by mistake, the
program changes nothing and exits with an error, so that uWSGI does not start.
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

#: The file with the Unix time at which the counters started from zero.
BEGAN = "began"
#: The client library's file names, which end with a worker slot or a process ID. Nothing else is deleted.
METRIC_FILE = re.compile(r"(counter|histogram|summary|gauge_[a-z]+)_\d+\.db")
#: The maximum size of a worker's two files with all views, methods and statuses (see tests/config/test_extremes.py).
WORKER_BYTES = 2 * 1024 * 1024


def metric_files(directory: Path) -> list[Path]:
    """Return the client library's files. Raises OSError if the directory cannot be read."""
    return sorted(path for path in directory.iterdir() if METRIC_FILE.fullmatch(path.name))


def used_bytes(path: Path) -> int:
    """Return how many bytes of a metric file are in use, which the file stores in its first four bytes.

    Returns 0 while the file is still being created.
    """
    with path.open("rb") as file:
        head = file.read(4)
    return struct.unpack("i", head)[0] if len(head) == 4 else 0


def begin(directory: Path) -> None:
    """Reset all counters to zero: create or empty the directory, and store the current time. Raises OSError.

    Running workers notice the new time within a second and open new files (see pomar_telemetry.multiprocess).
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in metric_files(directory):
        path.unlink()
    fresh = directory / f"{BEGAN}.new"
    fresh.unlink(missing_ok=True)
    fresh.write_text(f"{time.time():.3f}")
    fresh.replace(directory / BEGAN)


def user_of(directory: Path) -> "psutil.Process | None":
    """Return a running process that has mapped a metric file in ``directory``, or None."""
    # Imported here because the workers import this module but do not need psutil.
    import psutil

    for process in psutil.process_iter():
        try:
            if any(Path(mapping.path).parent == directory for mapping in process.memory_maps()):
                return process
        except (psutil.Error, OSError):
            continue
    return None


def main() -> None:
    """Create or empty the directory. Exit with one sentence if it is in use or cannot be used for the metrics."""
    name = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
    if not name:
        sys.exit("PROMETHEUS_MULTIPROC_DIR is empty: set it to a directory used only for metrics, or unset it.")
    directory = Path(name).resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.geteuid():
            sys.exit(f"{directory} belongs to another user: set PROMETHEUS_MULTIPROC_DIR to a directory that you own.")
        if user := user_of(directory):
            sys.exit(
                f"{directory} is in use by process {user.pid}: stop it, or set PROMETHEUS_MULTIPROC_DIR to another "
                "directory."
            )
        begin(directory)
        workers = os.environ.get("UWSGI_WORKERS", "4")
        needed = WORKER_BYTES * (int(workers) if workers.isdecimal() else 1)
        if (free := shutil.disk_usage(directory).free) < needed:
            sys.exit(
                f"{directory} has {free // 1024:,} KiB free, but the metrics of {workers} workers may need "
                f"{needed // 1024:,} KiB: free some space, or set PROMETHEUS_MULTIPROC_DIR to another directory."
            )
    except OSError as error:
        sys.exit(
            f"{directory} cannot be used for the metrics ({error.strerror}): set PROMETHEUS_MULTIPROC_DIR to another "
            "directory."
        )


if __name__ == "__main__":
    main()
