"""The liveness probe of the app's container, with a real uWSGI: it notices a stuck master, and nothing else."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from lab.paths import ROOT
from lab.runtimes.ports import free_ports
from tests.config.chart import container, render, shop_pod
from tests.config.front import can_connect, ending
from tests.eventually import eventually
from tests.programs import program

#: Less than the probe's own timeout, to save time.
TIMEOUT_SECONDS = 3


@contextmanager
def uwsgi(stats: int):
    """Run uWSGI with one worker, with the statistics server as in uwsgi.ini."""
    command = [program("uwsgi"), "--master", "--die-on-term", "--need-app", "--disable-logging", "--workers", "1"]
    command += ["--chdir", ROOT, "--module", "tests.config.app", "--http-socket", f"127.0.0.1:{free_ports(1)[0]}"]
    command += ["--stats", f"127.0.0.1:{stats}", "--stats-http", "--stats-no-cores"]
    with ending(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        eventually(lambda: can_connect(stats), because="uWSGI starts")
        yield process


def is_alive(stats: int) -> bool:
    """Run the probe's command, as the kubelet does."""
    probe = container(shop_pod(render()), "app")["livenessProbe"]
    (python, *arguments) = probe["exec"]["command"]
    assert python == "python3"
    assert probe["timeoutSeconds"] > TIMEOUT_SECONDS
    arguments[-1] = arguments[-1].replace("1717", str(stats))
    command = [sys.executable, *arguments]
    try:
        return subprocess.run(command, timeout=TIMEOUT_SECONDS, stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@pytest.fixture
def stats() -> int:
    """The port of uWSGI's statistics."""
    return free_ports(1)[0]


def test_a_running_master_is_alive_even_if_its_worker_is_stuck(stats):
    with uwsgi(stats) as process:
        assert is_alive(stats)
        (worker,) = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        subprocess.run(["kill", "-STOP", worker], check=True)

        assert is_alive(stats)
        subprocess.run(["kill", "-CONT", worker], check=True)


def test_a_stuck_master_is_not_alive(stats):
    with uwsgi(stats) as process:
        process.send_signal(signal.SIGSTOP)
        try:
            assert not is_alive(stats)
        finally:
            process.send_signal(signal.SIGCONT)


def test_a_missing_master_is_not_alive(stats):
    began = time.monotonic()

    assert not is_alive(stats)
    assert time.monotonic() - began < TIMEOUT_SECONDS
