"""Paths in the checkout, and where the lab keeps its generated files."""

import os
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"
VENV = STATE / "venv"
LOGS = STATE / "logs"
REPORTS = STATE / "reports"


def version() -> str:
    """Return the project's version, which is defined only in ``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def shown(path: Path) -> str:
    """Return a path as text, relative to the checkout if the path is inside it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def write_file(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file atomically. It gets exactly this mode, regardless of the umask. Text is encoded as UTF-8.

    Only the owner can read the file until it is complete, so others can never read a partly written secret.
    """
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
