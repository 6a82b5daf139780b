"""Empty ``PROMETHEUS_MULTIPROC_DIR`` before uWSGI starts: a counter of an earlier pod must not live on in this one.

uWSGI runs it at SIGHUP as well, which sets its own counters to zero. When that was is kept in the file ``began``.
While a process still maps one of the files (a second start by mistake, say) nothing is touched and the start ends.
"""

import os
import sys
import time
from pathlib import Path

import psutil

#: Holds the unix time since which the counters count.
BEGAN = "began"


def user_of(directory: Path) -> psutil.Process | None:
    """Return a living process that has mapped a metric file of ``directory``, if there is one."""
    for process in psutil.process_iter():
        try:
            if any(Path(mapping.path).parent == directory for mapping in process.memory_maps()):
                return process
        except (psutil.Error, OSError):
            continue
    return None


def main() -> None:
    """Create the directory or empty it; exit with one sentence when it is in use or cannot be written."""
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).resolve()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user := user_of(directory):
            sys.exit(f"{directory} is in use by process {user.pid}: stop that shop, or set PROMETHEUS_MULTIPROC_DIR.")
        for path in directory.glob("*.db"):
            path.unlink()
        (directory / BEGAN).write_text(f"{time.time():.3f}")
    except OSError as error:
        sys.exit(f"{directory} cannot hold the metrics ({error.strerror}): set PROMETHEUS_MULTIPROC_DIR.")


if __name__ == "__main__":
    main()
