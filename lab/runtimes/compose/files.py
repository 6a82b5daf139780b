"""Files of the checkout that are mounted into containers: make them readable, and detect changes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.paths import shown


def make_readable(sources: Iterable[Path]) -> None:
    """Make these files and folders readable for all users, because containers do not run as the checkout's owner.

    In a checkout created with umask 077, only the owner can read them. The parent folders keep their modes, because the
    engine mounts the files as root. Raises LabError if a mode cannot be changed.
    """
    for source in sources:
        for path in _within(source):
            mode = path.stat().st_mode
            wanted = mode | (0o555 if path.is_dir() else 0o444)
            if wanted == mode:
                continue
            try:
                path.chmod(wanted)
            except OSError as error:
                raise LabError(
                    f"containers cannot read {shown(path)}, and its mode cannot be changed ({error.strerror}): "
                    f"run `sudo chmod -R a+rX {shown(source)}`."
                ) from error


def changed_at(sources: Iterable[Path]) -> float:
    """Return the Unix time of the last change to these files and folders, or 0 if there are none.

    Uses the ctime, because a file that replaces another one may have an old mtime.
    """
    return max((path.stat().st_ctime for source in sources for path in _within(source)), default=0.0)


def _within(source: Path) -> Iterator[Path]:
    """Yield a file, or a folder and everything in it. Skip symbolic links, because their targets are not mounted."""
    for path in (source, *source.rglob("*")):
        if not path.is_symlink():
            yield path
