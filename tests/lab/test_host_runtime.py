"""Test the host runtime's life cycle. The separate checkout and ports do not affect a lab that is running."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lab import http
from lab.paths import VENV
from tests.eventually import eventually
from tests.hosts import ONLY_IPV6, seeing_hosts
from tests.lab.conftest import Command, command_in, processes_of


@pytest.fixture
def interrupted(checkout: Path, ports: dict[str, str]) -> Callable[[signal.Signals], int]:
    """A function that runs `lab up`, interrupts it with a signal, and returns the exit code.

    The signal is sent after the first service has started.
    """

    def start(number: signal.Signals) -> int:
        command = [sys.executable, "-m", "lab", "up"]
        starting = subprocess.Popen(
            command,
            cwd=checkout,
            env={**os.environ, "RUNTIME": "host", **ports},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(
            lambda: any("--config.file" in command for command in processes_of(checkout)),
            because="Prometheus is the first service to start",
            timeout=30,
        )
        starting.send_signal(number)
        return starting.wait(30)

    return start


def link_or_copy(source: str, target: str) -> None:
    """Create a hard link to a file, or copy it if the target is on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture
def running(
    interrupted: Callable[[signal.Signals], int], lab: Command, checkout: Path, ports: dict[str, str], tmp_path: Path
) -> Command:
    """A running lab. Before it was started, another `make up` was killed halfway and left processes behind.

    If the tests run as root, the lab resolves `localhost` only to ::1. It does not listen there, so it must use
    127.0.0.1 internally.
    """
    if os.geteuid() == 0:
        lab = command_in(checkout, ports, before=seeing_hosts(ONLY_IPV6, tmp_path))
    # Copy the virtual environment to this path instead of linking to it.
    (checkout / ".lab" / "venv").unlink()
    shutil.copytree(VENV, checkout / ".lab" / "venv", symlinks=True, copy_function=link_or_copy)
    interrupted(signal.SIGKILL)
    assert processes_of(checkout) != []
    done = lab("up")
    assert "database, catalogue and static files" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    return lab


def pids(checkout: Path) -> dict[str, int]:
    """Return the PIDs of supervisord's child processes, by command line."""
    supervisord = next(process for process in psutil.process_iter() if is_supervisord(process, checkout))
    return {" ".join(child.cmdline()): child.pid for child in supervisord.children()}


def is_supervisord(process: psutil.Process, checkout: Path) -> bool:
    """Return whether a process is the supervisord that belongs to a checkout's lab."""
    try:
        return process.environ().get("LAB") == str(checkout / ".lab") and "supervisord.conf" in str(process.cmdline())
    except (psutil.Error, OSError):
        return False


def test_an_interrupted_start_leaves_nothing_running(interrupted, checkout):
    assert interrupted(signal.SIGTERM) == 1

    assert processes_of(checkout) == []


def test_a_lab_runs_on_other_ports_restarts_services_and_stops_cleanly(running, checkout, ports):
    ca_file = str(checkout / ".lab" / "tls" / "ca.crt")
    shop = f"https://127.0.0.1:{ports['SHOP_HTTPS_PORT']}"

    # The lab uses the ports in its settings.
    assert http.get(f"{shop}/health/ready", verify=ca_file, timeout=5).status_code == 200
    redirect = http.get(f"http://127.0.0.1:{ports['SHOP_HTTP_PORT']}/cart/", allow_redirects=False, timeout=5)
    assert redirect.headers["Location"] == f"{shop}/cart/"
    query = f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}/api/v1/query?query=uwsgi_workers"
    (series,) = http.get(query, timeout=5).json()["data"]["result"]
    assert series["metric"]["stats_uri"] == f"http://localhost:{ports['APP_STATS_PORT']}"
    assert series["value"][1] == "4"

    # A second `make up` changes nothing.
    before = pids(checkout)
    again = running("up")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert pids(checkout) == before

    # `make up` applies changes in the checkout, such as those after `git pull`.
    with (checkout / "prometheus" / "prometheus.yml").open("a") as file:
        file.write("# changed\n")
    changed = running("up")
    assert "Files in the checkout have changed" in changed.stdout, changed.stdout + changed.stderr
    assert not set(before.values()) & set(pids(checkout).values())
    before = pids(checkout)

    # A running lab keeps the settings that it was started with.
    other = running("up", UWSGI_WORKERS="2")
    assert other.returncode == 1
    assert "the lab is running with a different UWSGI_WORKERS: run `make down` first" in other.stderr
    assert f"localhost:{ports['SHOP_HTTPS_PORT']}/" in running("status", SHOP_HTTPS_PORT="9").stdout
    assert pids(checkout) == before

    # A service that dies is restarted.
    victim = next(pid for command, pid in before.items() if "uwsgi_exporter" in command)
    psutil.Process(victim).send_signal(signal.SIGKILL)
    eventually(
        lambda: (
            http.get(f"http://127.0.0.1:{ports['EXPORTER_UWSGI_PORT']}/-/healthy", timeout=2).ok
            and victim not in pids(checkout).values()
        ),
        because="supervisord restarts the service that died",
    )
    assert running("status").returncode == 0

    # A second uWSGI, started by mistake, does not empty the directory that the first one's workers write to.
    supervisord = next(process for process in psutil.process_iter() if is_supervisord(process, checkout))
    directory = Path(supervisord.environ()["PROMETHEUS_MULTIPROC_DIR"])
    files = {path.name for path in directory.iterdir()}
    assert {f"counter_{slot}.db" for slot in range(1, 5)} < files
    wipe = [sys.executable, "-m", "pomar_telemetry.wipe"]
    second = subprocess.run(wipe, env={"PROMETHEUS_MULTIPROC_DIR": str(directory)}, capture_output=True, text=True)
    assert second.returncode == 1
    assert "is in use by process" in second.stderr
    assert {path.name for path in directory.iterdir()} == files

    # `make down` stops the processes that a killed supervisord leaves behind.
    supervisord.send_signal(signal.SIGKILL)
    supervisord.wait(5)
    assert len(processes_of(checkout)) >= 10
    assert running("down").returncode == 0
    assert processes_of(checkout) == []
    assert (checkout / ".lab" / "data" / "shop.sqlite3").exists()
    assert not directory.exists()
