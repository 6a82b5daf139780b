"""Find the programs that tests run: on the PATH, or in the Debian packages that `make up` unpacks."""

import os
import shutil
from pathlib import Path
from tempfile import gettempdir

import pytest

STATE = Path(__file__).resolve().parent.parent / ".lab"
FOLDERS = (STATE / "debian/usr/sbin", STATE / "debian/usr/bin", STATE / "venv/bin")


#: promtool creates a database for each test case: keep it in memory, so that promtool does not wait for the disk.
#: Running the garbage collector less often saves a fifth of promtool's CPU time.
FOR_PROMTOOL = {**os.environ, "TMPDIR": "/dev/shm" if os.access("/dev/shm", os.W_OK) else gettempdir(), "GOGC": "400"}


def program(name: str) -> Path:
    """Return the path of the program ``name``. If it is not found, fail the test with a one-sentence message."""
    found = shutil.which(name) or next((str(folder / name) for folder in FOLDERS if (folder / name).is_file()), None)
    if not found:
        pytest.fail(f"{name} is neither on the PATH nor under .lab/: run `make up`, or install it.", pytrace=False)
    return Path(found)
