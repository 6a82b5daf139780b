"""Test that the lab works around limits on the user's machine, or reports each of them in one sentence."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from lab.paths import ROOT
from lab.runtimes.host import prepare, supervisor
from lab.runtimes.host.supervisor import Supervisor
from tests.eventually import eventually
from tests.programs import program

DIRECTORY = "from lab.runtimes.host.prepare import multiprocess_directory as d; print(d())"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two possible folders for the metric files, for an ordinary user on a machine with logind."""
    memory, state = tmp_path / "memory", tmp_path / "state"
    memory.mkdir()
    (tmp_path / "logind").mkdir()
    monkeypatch.setattr(prepare, "MEMORY", memory)
    monkeypatch.setattr(prepare, "STATE", state)
    monkeypatch.setattr(prepare, "LOGIND", tmp_path / "logind")
    monkeypatch.setattr(prepare, "METRICS_BYTES", 1)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    return prepare.multiprocess_directories()


def test_metric_files_of_a_regular_user_are_on_disk_if_there_is_logind(places):
    assert prepare.multiprocess_directory() == places[1]


@pytest.mark.parametrize("uid", [0, 999])
def test_metric_files_of_root_and_system_users_are_in_memory(places, monkeypatch, uid):
    monkeypatch.setattr(os, "getuid", lambda: uid)

    assert prepare.multiprocess_directory() == places[0]


def test_metric_files_are_in_memory_without_logind(places, monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "LOGIND", tmp_path / "nothing")

    assert prepare.multiprocess_directory() == places[0]


@pytest.mark.parametrize("made", [0, 1], ids=["in memory", "on disk"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_an_existing_metrics_directory_is_reused(places, monkeypatch, made, uid):
    monkeypatch.setattr(os, "getuid", lambda: uid)
    places[made].mkdir(parents=True)

    assert prepare.multiprocess_directory() == places[made]


@pytest.mark.parametrize(
    ("options", "where"), [("size=200k", ".lab/run/metrics"), ("size=200m", "/dev/shm")], ids=["200 KiB", "200 MiB"]
)
def test_a_memory_file_system_that_is_too_small_is_not_used(options, where):
    script = f'mount -t tmpfs -o {options} tmpfs /dev/shm && mount -t tmpfs tmpfs /run && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]

    done = subprocess.run([*command, sys.executable, "-c", DIRECTORY], cwd=ROOT, capture_output=True, text=True)

    assert done.stderr == ""
    assert where in done.stdout


def test_prometheus_running_out_of_inotify_instances_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOGS", tmp_path)
    (tmp_path / "targets.yaml").write_text("[]")
    (tmp_path / "prometheus.yml").write_text(
        "scrape_configs: [{job_name: lab, file_sd_configs: [{files: [targets.yaml]}]}]"
    )
    script = 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"'
    command = [
        *("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh", program("prometheus")),
        *("--config.file=prometheus.yml", f"--storage.tsdb.path={tmp_path}/data", "--web.listen-address=127.0.0.1:0"),
    ]
    with (
        (tmp_path / "prometheus.log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as process,
    ):
        try:
            said = eventually(
                lambda: Supervisor().last_error("prometheus"), because="Prometheus logs an error", timeout=30
            )
        finally:
            process.kill()

    assert "too many open files" in said


LINES = {
    'level=error msg="Error adding file watcher" err="too many open files"': True,
    "2026/11/26 19:41:45 [emerg] 1#1: unknown log format": True,
    "E1126 19:42:45.541691    7993 main.go:226] parse: invalid URL escape": True,
    "OSError: [Errno 28] No space left on device": True,
    "MemoryError": True,
    "ts=2026 level=info msg=ready errors=0": False,
    "2026/11/26 19:41:45 [notice] 1#1: using the epoll event method": False,
    "Everything is well": False,
}


@pytest.mark.parametrize(("line", "is_error"), LINES.items(), ids=LINES)
def test_log_lines_that_report_an_error_are_recognized(line, is_error):
    assert bool(re.search(supervisor.ERROR, line, re.IGNORECASE)) == is_error


@pytest.mark.parametrize("most", [64, 256])
def test_an_open_file_limit_that_is_too_low_is_refused(lab, most):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limited = ["sh", "-c", f'ulimit -n {most} && exec "$@"', "sh"]

    done = lab("up", before=limited)

    assert hard > most
    assert done.returncode == 1
    assert done.stderr == f"lab: the limit of {most} open files is too low: raise it to 2048 (`ulimit -n`).\n"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (
            "--as=1000000000",
            "the limit of 1000000000 bytes of address space is too low: raise it to 2147483648 (`ulimit -v`).",
        ),
        ("--fsize=65536", "the limit of 65536 bytes per file is too low: raise it to 1073741824 (`ulimit -f`)."),
        (
            "--nproc=100",
            "the limit of 100 processes and threads for this user is too low: raise it to 512 (`ulimit -u`).",
        ),
    ],
)
def test_any_other_limit_that_is_too_low_is_refused(lab, option, words):
    done = lab("up", before=["prlimit", option])

    assert (done.returncode, done.stderr) == (1, f"lab: {words}\n")


def test_the_open_file_limit_is_the_hard_limit_up_to_65536():
    script = (
        "import resource; from lab.runtimes.host import runtime; runtime._set_limits(); "
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for soft in (256, hard):
        done = subprocess.run(
            ["sh", "-c", f'ulimit -Sn {soft} && exec "$@"', "sh", sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

        assert (done.stderr, done.stdout) == ("", f"{min(hard, 65536)}\n")
