"""The files of the checkout that containers mount: readable by their users, and noticed when they change."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.paths import shown


def make_readable(sources: Iterable[Path]) -> None:
    """Let every user read these files and folders, since containers run as other users than the checkout's owner.

    A checkout under umask 077 has them for its owner alone. The folders above them keep their modes: the engine, which
    mounts them, is root. Raises LabError for a file whose mode cannot be changed.
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
    """Return when one of these files and folders last changed, in seconds since 1970; 0 when there are none.

    By the time of the inode, since a file that was replaced may bring an old time of its own.
    """
    return max((path.stat().st_ctime for source in sources for path in _within(source)), default=0.0)


def _within(source: Path) -> Iterator[Path]:
    """Yield a file, or a folder and all that is in it; what a link leads to is not mounted with it."""
    for path in (source, *source.rglob("*")):
        if not path.is_symlink():
            yield path
