"""Test that a failing lab command prints one sentence, exits with a nonzero code and leaves nothing running."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import processes_of


def sentence(done: subprocess.CompletedProcess) -> str:
    """Check that a command failed with exactly one line on stderr, and return the line."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("lab: ")
    return lines[0]


def test_up_names_a_taken_port_and_starts_nothing(lab, checkout):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])

        refusal = sentence(lab("up", PROMETHEUS_PORT=taken))

    assert f"port {taken} is taken by " in refusal
    assert f"(process {os.getpid()})" in refusal
    assert "PROMETHEUS_PORT" in refusal
    assert processes_of(checkout) == []


def test_up_names_an_invalid_setting_and_starts_nothing(lab, checkout):
    assert "UWSGI_WORKERS is 'many'" in sentence(lab("up", UWSGI_WORKERS="many"))
    assert processes_of(checkout) == []


def test_up_rejects_an_invalid_database_and_leaves_nothing_running(lab, checkout):
    refusal = sentence(lab("up", LAB_DATABASE_URL="mysql://shop@localhost/shop"))

    assert "LAB_DATABASE_URL" in refusal
    assert processes_of(checkout) == []


def test_up_names_missing_programs_where_there_is_no_apt(lab, checkout, tmp_path):
    (checkout / ".lab" / "debian").unlink(missing_ok=True)

    refusal = sentence(lab("up", PATH=str(tmp_path)))

    assert "prometheus" in refusal
    assert "Install them, or start a Docker engine" in refusal
    assert processes_of(checkout) == []


@pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt-get")
def test_up_suggests_checking_the_network_when_it_is_down(lab, checkout):
    (checkout / ".lab" / "debian").unlink(missing_ok=True)
    nowhere = "http://127.0.0.1:1"

    refusal = sentence(lab("up", PATH="/usr/bin:/bin", http_proxy=nowhere, https_proxy=nowhere))

    assert "the Debian packages could not be unpacked" in refusal
    assert "Check the network" in refusal
    assert not (checkout / ".lab" / "debian").exists()
    assert processes_of(checkout) == []


def test_up_reports_python_packages_that_cannot_be_installed(checkout):
    shutil.rmtree(checkout / ".lab")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    offline = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | nowhere

    done = subprocess.run(
        [sys.executable, "lab/bootstrap.py", "up"],
        cwd=checkout,
        env=offline,
        capture_output=True,
        text=True,
        timeout=90,
    )

    refusal = sentence(done)
    assert "the Python packages cannot be installed: pip cannot read http://127.0.0.1:1/simple/" in refusal
    assert "/: Connection refused. Check the network. " in refusal
    assert not (checkout / ".lab" / "venv").exists()


@pytest.mark.parametrize("command", [["lab/bootstrap.py", "up"], ["-m", "lab", "up"]], ids=["bootstrap", "lab"])
def test_up_reports_a_state_folder_that_cannot_be_written(checkout, command):
    shutil.rmtree(checkout / ".lab")
    (checkout / ".lab").write_text("in the way")

    environment = {**os.environ, "RUNTIME": "host"}
    done = subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )

    assert "the lab cannot write to" in sentence(done)


def test_up_reports_a_full_disk_and_leaves_nothing_running(checkout, ports, tmp_path):
    shutil.rmtree(checkout / ".lab" / "data", ignore_errors=True)
    state = tmp_path / "state"
    shutil.move(checkout / ".lab", state)
    (checkout / ".lab").mkdir()
    script = 'mount -t tmpfs -o size=64k tmpfs .lab && cp -a "$1"/. .lab && exec "$2" -m lab up'

    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", state, sys.executable],
        cwd=checkout,
        env={**os.environ, "RUNTIME": "host", **ports},
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("lab: ")
    assert "Traceback" not in done.stderr
    assert any(words in done.stderr for words in ("No space left on device", "disk is full", "disk I/O error"))
    assert processes_of(checkout) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["load"], "the lab is not running: start it with `make up`"),
        (["restart", "nginx"], "the lab is not running: start it with `make up`"),
        (["restart"], "'' is not a service of the lab: set S= to one of"),
        (["restart", "apache"], "'apache' is not a service of the lab: set S= to one of"),
        (["ledger"], "there has been no load run yet: `make load` starts one"),
        (
            ["ledger", "README.md"],
            "README.md is not a load run result (JSONDecodeError): `make load` writes one",
        ),
        (["ledger", "nowhere.json"], "nowhere.json is not a load run result (FileNotFoundError)"),
        (["logs"], "there are no logs yet"),
        (["logs", "apache"], "'apache' is not a service of the lab"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_cannot_run_says_why(lab, command, words):
    assert words in sentence(lab(*command))


def test_up_names_an_unknown_runtime(lab):
    assert "RUNTIME is 'podman'" in sentence(lab("up", RUNTIME="podman"))


def test_a_second_start_at_the_same_time_is_refused(lab, checkout):
    with (checkout / ".lab" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert "another `make` is starting or stopping this lab" in sentence(lab("up"))


def test_a_second_load_run_at_the_same_time_is_refused(lab, checkout):
    with (checkout / ".lab" / "load.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert "another load run is in progress in this lab: wait for it to finish, or stop it" in sentence(lab("load"))


def test_down_stops_a_load_run_whose_command_was_killed(lab, checkout):
    locustfile = str(checkout / "loadtest" / "locustfile.py")
    command = [sys.executable, "-c", "import time; time.sleep(600)", locustfile]
    with subprocess.Popen(command, env={**os.environ, "LAB": str(checkout / ".lab")}) as load:
        try:
            assert lab("down").returncode == 0

            assert load.wait(5) == -signal.SIGTERM
        finally:
            load.kill()


def test_generate_names_a_broken_contract_entry(lab, checkout):
    contract = checkout / "prometheus" / "contract.yaml"
    contract.write_text(contract.read_text().replace("  type: counter\n", "", 1))

    assert "contract.yaml: django_http_requests_before_middlewares_total lacks type" in sentence(lab("generate"))


def test_status_of_a_stopped_lab_says_so_and_exits_with_1(lab):
    done = lab("status")

    assert done.returncode == 1
    assert "stopped" in done.stdout


def test_down_of_a_stopped_lab_succeeds(lab):
    assert lab("down").returncode == 0


def test_clean_asks_before_it_deletes_data(lab, checkout):
    data = checkout / ".lab" / "data" / "shop.sqlite3"
    data.parent.mkdir()
    data.write_text("orders")

    refused = lab("clean")

    assert refused.returncode == 1
    assert refused.stderr.endswith("lab: nothing was deleted. FORCE=1 skips the question.\n")
    assert data.exists()
    assert lab("clean", "--force").returncode == 0
    assert not data.exists()


def test_make_without_a_target_lists_every_target(checkout):
    of_no_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make"], cwd=checkout, env=of_no_make, capture_output=True, text=True, timeout=30)

    printed = {line.split()[1] for line in done.stdout.splitlines() if line.strip()}
    phony = Path(checkout / "Makefile").read_text().split(".PHONY:")[1].splitlines()[0].split()
    assert printed == set(phony)
