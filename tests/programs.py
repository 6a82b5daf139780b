"""The programs that tests run: from the PATH, or from Debian packages, unpacked as by `make up`."""

import os
import shutil
from pathlib import Path
from tempfile import gettempdir

import pytest

STATE = Path(__file__).resolve().parent.parent / ".lab"
FOLDERS = (STATE / "debian/usr/sbin", STATE / "debian/usr/bin", STATE / "venv/bin")


#: promtool makes a database for each case: in memory it does not wait for the disk. Fewer garbage collections save a
#: fifth of its CPU time.
FOR_PROMTOOL = {**os.environ, "TMPDIR": "/dev/shm" if os.access("/dev/shm", os.W_OK) else gettempdir(), "GOGC": "400"}


def program(name: str) -> Path:
    """Return the path of the program ``name``. Fail the test if it is not found."""
    found = shutil.which(name) or next((str(folder / name) for folder in FOLDERS if (folder / name).is_file()), None)
    if not found:
        pytest.fail(f"{name} is not on the PATH and not under .lab/: `make up` gets it, or install it.", pytrace=False)
    return Path(found)
