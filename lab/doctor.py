"""``lab doctor``: the checks that `make up` runs, and other useful facts about this machine."""

import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

from lab.errors import LabError
from lab.paths import STATE
from lab.runtimes import choose, settings
from lab.runtimes.base import Runtime, check_state
from lab.runtimes.compose import engine
from lab.runtimes.host import prepare

PASSED, FAILED, NOTE = "✓", "✗", "·"
#: A mark, the name of the check, and what it found or how to fix the problem.
Line = tuple[str, str, str]
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")


def examine(environment: Mapping[str, str]) -> Iterator[Line]:
    """Yield a line for each `make up` check, then lines with other facts. Starts nothing."""
    yield from _checks(environment)
    yield from _facts()


def _checks(environment: Mapping[str, str]) -> Iterator[Line]:
    yield _line("state folder", check_state)
    yield (loaded := _line("settings", lambda: _settings(environment)))
    if loaded[0] == FAILED:
        return
    if environment.get("RUNTIME", "") != "host":
        # The runtime's line says why Compose cannot be used. That is a problem only if RUNTIME=compose.
        try:
            for name, found in engine.checks():
                yield PASSED, name, found
        except engine.Unusable:
            pass
    try:
        chosen, why = choose.choose(environment)
    except LabError as error:
        yield FAILED, "runtime", error.message
        return
    yield PASSED, "runtime", f"{chosen.name}, because {why}"
    yield _line("other runtime", lambda: choose.refuse_other(chosen))
    yield from _of_runtime(chosen)


def _of_runtime(chosen: Runtime) -> Iterator[Line]:
    running = chosen.is_running()
    for check in chosen.checks():
        if running and check.fresh:
            yield NOTE, check.name, "not checked, because the lab is running"
        else:
            yield _line(check.name, check.run)


def _line(name: str, run: Callable[[], str]) -> Line:
    try:
        return PASSED, name, run()
    except LabError as error:
        return FAILED, name, error.message


def _settings(environment: Mapping[str, str]) -> str:
    changed = [name for name in settings.CHECKS if environment.get(name)]
    settings.load(environment)
    return f".env, with {', '.join(changed)} from the environment" if changed else ".env"


def _facts() -> Iterator[Line]:
    """Yield facts that `make up` does not check, but that may explain why a lab is slow or failing."""
    memory = psutil.virtual_memory()
    yield NOTE, "architecture", f"{platform.machine()}, Linux {platform.release()}"
    yield NOTE, "memory", f"{_gib(memory.available)} of {_gib(memory.total)} available, {psutil.cpu_count()} CPUs"
    yield NOTE, "disk", f"{_gib(shutil.disk_usage(STATE).free)} free for {STATE}"
    free = f"{_gib(shutil.disk_usage(prepare.MEMORY).free)} free" if prepare.MEMORY.exists() else "does not exist"
    yield NOTE, str(prepare.MEMORY), f"{free}; on the host, metric files go to {prepare.multiprocess_directory()}"
    if INOTIFY.exists():
        yield NOTE, "inotify", f"{INOTIFY.read_text().strip()} instances per user (fs.inotify.max_user_instances)"


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
