"""Give each test of the lab's command its own checkout, so that no test affects a running lab."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from lab.bootstrap import FLAGS
from lab.paths import ROOT, STATE
from lab.runtimes import settings
from lab.runtimes.kubernetes.runtime import KubernetesRuntime
from lab.runtimes.ports import free_ports

Command = Callable[..., subprocess.CompletedProcess]


#: Every special character that a checkout's path may contain, some non-ASCII characters, and a trailing space.
ACCEPTED = "!&'()+-.;<=>@]^_{|}~ ü日本🍎e\u0301 "


@pytest.fixture(autouse=True)
def no_lab_in_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep a lab that this checkout runs in a cluster out of the tests: no runtime would be chosen but that one."""
    monkeypatch.setattr(KubernetesRuntime, "running_settings", tmp_path / "settings-in-cluster.json")


def copy_of_checkout(folder: Path) -> Path:
    """Copy this checkout to a long path with odd characters. The copy links to the environment and the programs."""
    copy = folder / ACCEPTED / f"a checkout {'far ' * 20}down"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".lab").mkdir(parents=True)
    for name in ("venv", "debian"):
        if (STATE / name).exists():
            (copy / ".lab" / name).symlink_to(STATE / name)
    return copy


def lab_ports() -> dict[str, str]:
    """Return a free port for each port setting."""
    names = [name for name in settings.CHECKS if name.endswith("_PORT")]
    return dict(zip(names, map(str, free_ports(len(names))), strict=True))


def unset() -> dict[str, str]:
    """Return the environment variables without the lab's settings, which may be set for another lab."""
    return {name: value for name, value in os.environ.items() if name not in settings.CHECKS}


def command_in(
    checkout: Path, ports: dict[str, str], environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Command:
    """Return a function that runs the lab's command in a checkout, on these ports.

    Its keyword arguments are added to the environment variables. ``before`` is a prefix for the command.
    """

    def run(*arguments: str, before: Sequence[str] = before, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*before, sys.executable, *FLAGS, "-m", "lab", *arguments],
            cwd=checkout,
            env={**unset(), **(environment or {}), "RUNTIME": "host", **ports, **variables},
            capture_output=True,
            text=True,
            timeout=150,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout."""
    return copy_of_checkout(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def ports() -> dict[str, str]:
    """A free port for each port setting."""
    return lab_ports()


@pytest.fixture
def lab(checkout: Path, ports: dict[str, str]) -> Iterator[Command]:
    """A function that runs the lab's command in the checkout, on free ports. The lab is stopped afterwards."""
    run = command_in(checkout, ports)
    yield run
    run("down")


def processes_of(checkout: Path) -> list[str]:
    """Return the command lines of the processes that belong to a checkout's lab."""
    found = []
    for process in psutil.process_iter():
        try:
            # NGINX overwrites its environment with its process title, so it is recognized by its working directory.
            in_checkout = Path(process.cwd()).is_relative_to(checkout)
            if in_checkout or process.environ().get("LAB") == str(checkout / ".lab"):
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return found
