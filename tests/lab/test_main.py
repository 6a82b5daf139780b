"""Test that the lab's command prints one sentence or nothing when it is stopped, and never a traceback."""

import os
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from lab.bootstrap import FLAGS
from lab.paths import ROOT

LAB = [sys.executable, *FLAGS, "-m", "lab"]
MAKE = [sys.executable, "-IS", "lab/bootstrap.py"]


@pytest.mark.parametrize("command", [LAB, MAKE], ids=["lab", "bootstrap"])
@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3])
def test_ctrl_c_during_the_imports_prints_no_traceback(command, seconds):
    # Block SIGINT, as bootstrap.py does. A signal that arrives while Python itself is starting then stays pending.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        starting = subprocess.Popen([*command, "status"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    time.sleep(seconds)
    starting.send_signal(signal.SIGINT)
    said = starting.communicate(timeout=30)[1].decode()

    # On a fast machine, the imports are already done and click handles the signal.
    assert said in ("lab: interrupted before anything was changed.\n", "\nAborted!\n", "")
    # A signal kills Python if it arrives while exec() runs a string, as in namedtuple, even though it is caught.
    assert starting.returncode in (1, -signal.SIGINT)


def test_an_output_pipe_that_closes_early_is_not_an_error():
    done = subprocess.run(
        ["sh", "-c", '"$@" status | head -n 1', "sh", *LAB], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert done.stdout.startswith("service")
    assert done.stderr == ""


def test_a_full_disk_behind_stdout_is_a_one_line_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*LAB, "status"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)

    assert done.returncode == 1
    assert "No space left on device: free some space" in done.stderr
    assert done.stderr.count("\n") == 1


def run_as_command(body: str, **variables: str) -> subprocess.CompletedProcess:
    """Run the lab's command, but with the code in ``body`` instead of its subcommands."""
    script = f"import runpy\nfrom lab import cli, console\ndef main(**_):\n    {body}\ncli.main = main\n"
    script += "runpy.run_module('lab', run_name='__main__')"
    environment = os.environ | variables
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, timeout=30)


def test_a_full_disk_while_writing_a_file_is_a_one_line_error():
    done = run_as_command("open('/dev/full', 'wb').write(b'x' * 9000)")

    assert done.returncode == 1
    assert done.stderr.startswith(b"lab: ")
    assert done.stderr.endswith(b"No space left on device: free some space there, or make it writable.\n")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_characters_that_the_terminal_cannot_show_are_replaced(encoding):
    done = run_as_command("console.done('…', 1)", PYTHONIOENCODING=encoding)

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"  ? ?")


def test_the_version_is_that_of_the_project():
    done = subprocess.run([*LAB, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=30)

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (done.stdout, done.returncode) == (f"lab, version {version}\n", 0)
