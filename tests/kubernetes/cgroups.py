"""The control groups of a test cluster. They are the only thing that outlives its processes."""

import time
from pathlib import Path

from lab.errors import LabError

ROOT = Path("/sys/fs/cgroup")
SECONDS = 5


def hierarchies() -> list[Path]:
    """Return the root of each hierarchy: one for version 2, otherwise one for each mounted controller.

    With both versions, version 2 has no controllers and the cluster does not use it: there, its folder is not a mount.
    """
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return sorted(path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink() and path.name != "unified")


def create(name: str) -> None:
    """Create a group in each hierarchy, with every controller."""
    for root in hierarchies():
        (root / name).mkdir()
        # In version 2, a group has the controllers that its parent passes on.
        if (controllers := root / "cgroup.controllers").exists():
            passed_on = " ".join(f"+{name}" for name in controllers.read_text().split())
            (root / "cgroup.subtree_control").write_text(passed_on)


def remove(name: str) -> None:
    """Remove a group with all groups in it. Raise LabError if one still has processes after 5 s."""
    deadline = time.monotonic() + SECONDS
    for group in (root / name for root in hierarchies()):
        while group.exists():
            try:
                for path in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                    path.rmdir()
                group.rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise LabError(f"the test cluster's control group {group} is in use: {error.strerror}.") from error
                time.sleep(0.1)
