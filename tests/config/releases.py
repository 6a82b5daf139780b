"""Programs from other Debian releases.

The Debian archive must be one of apt's sources. Otherwise the tests are skipped, or fail if ``CI`` is set.
"""

import fcntl
import os
import platform
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import STATE
from lab.runtimes.host import programs

#: The stable releases that have every program that the lab needs, and the testing release.
RELEASES = ("bookworm", "trixie", "forky")
#: Packages with services that exist only in containers.
EXTRA = ("prometheus-postgres-exporter", "prometheus-redis-exporter")


def own_release() -> str:
    """Return the code name of this machine's release, or an empty string."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        return ""


def programs_of(release: str) -> Path:
    """Return the folder with a release's programs. Skip or fail the test if they cannot be unpacked."""
    STATE.mkdir(exist_ok=True)
    # Two test files that run at the same time may need the same release.
    with (STATE / f"debian-{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return programs.of_release(release, EXTRA)
        except LabError as error:
            reason = f"the programs from {release} are missing: {error.message}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
