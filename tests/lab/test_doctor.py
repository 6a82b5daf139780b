"""Test that `make doctor` lists every check that `make up` runs, and says how to fix each one that fails."""

import importlib.util
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys

import psutil
import pytest

from lab import bootstrap, cli, doctor
from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import base, settings
from lab.runtimes.base import Check
from lab.runtimes.compose import engine, images
from lab.runtimes.compose.runtime import ComposeRuntime
from lab.runtimes.host.runtime import HostRuntime
from tests.lab.conftest import processes_of

RUNTIMES = {"host": HostRuntime, "compose": ComposeRuntime}
FACTS = ["architecture", "memory", "disk", "/dev/shm", "inotify"]


def lines(output: str) -> dict[str, tuple[str, str]]:
    """Return the mark and the text printed for each check, by the name of the check."""
    found = re.findall(r"^  ([✓✗·]) (.{20}) (.+)$", output, re.MULTILINE)
    return {name.strip(): (mark, text) for mark, name, text in found}


def failed(output: str) -> dict[str, str]:
    """Return the text printed for each failed check, by the name of the check."""
    return {name: text for name, (mark, text) in lines(output).items() if mark == "✗"}


@pytest.fixture(params=RUNTIMES)
def idle(request, monkeypatch, tmp_path):
    """Each runtime in turn, with no lab running and no containers. Its state is in a temporary folder."""
    for name, path in {"STATE": tmp_path, "LOGS": tmp_path / "logs", "LOCK": tmp_path / "lock"}.items():
        monkeypatch.setattr(base, name, path)
    monkeypatch.setattr(engine, "containers", lambda: {})
    monkeypatch.setattr(images, "choose", lambda wanted: pytest.fail("`make up` continued after the checks"))
    found = RUNTIMES[request.param](settings.load({}))
    for name, value in {"is_running": lambda: False, "_of_running_lab": lambda: None, "_stop": lambda: None}.items():
        monkeypatch.setattr(found, name, value)
    found.running_settings = tmp_path / "settings.json"
    return found


def test_up_runs_every_check_of_the_list_in_order(idle, monkeypatch):
    ran = []
    checks = [Check(each.name, lambda name=each.name: ran.append(name) or name, each.fresh) for each in idle.checks()]

    def refuse() -> str:
        raise LabError("the last one")

    monkeypatch.setattr(idle, "checks", lambda: (*checks, Check("last", refuse)))

    with pytest.raises(LabError, match="the last one"):
        idle.up()

    assert ran == [each.name for each in sorted(checks, key=lambda each: each.fresh)]


def test_ports_of_leftover_processes_are_not_reported_as_taken(monkeypatch):
    host = RUNTIMES["host"](settings.load({}))
    monkeypatch.setattr(host, "_orphans", lambda: [psutil.Process()])
    ports = next(each for each in host.checks() if each.name == "ports")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host._wanted["PROMETHEUS_PORT"] = str(taken.getsockname()[1])

        assert ports.run().startswith("not checked, because `make up` first stops processes")


@pytest.mark.parametrize("name", RUNTIMES)
def test_up_rejects_nothing_outside_its_list_of_checks(name):
    source = inspect.getsource(RUNTIMES[name].up)

    assert "raise LabError" not in source
    # With official images, `up` checks the ports a second time. That check is also in the list.
    assert set(re.findall(r"\w*(?:refuse|require)\w*", source)) <= {"_refuse_taken_ports"}


def test_the_up_command_checks_nothing_that_doctor_does_not():
    up, examined = inspect.getsource(cli.up.callback), inspect.getsource(doctor._checks)

    assert set(re.findall(r"choose\.\w+", up)) == set(re.findall(r"choose\.\w+", examined))


def test_doctor_lists_every_check_and_the_facts_that_are_not_checked(monkeypatch):
    monkeypatch.setattr(HostRuntime, "is_running", lambda self: False)

    names = [name for _, name, _ in doctor.examine({"RUNTIME": "host"})]

    checks = [check.name for check in HostRuntime(settings.load({})).checks()]
    assert names == ["state folder", "settings", "runtime", "other runtime", *checks, *FACTS]


def test_a_ready_machine_passes_and_nothing_is_started(lab, checkout):
    done = lab("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("All `make up` checks passed.\n")
    assert {name for name, (mark, _) in lines(done.stdout).items() if mark == "·"} == set(FACTS)
    assert processes_of(checkout) == []


def test_a_taken_port_fails_its_check_and_the_other_checks_still_run(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])

        done = lab("doctor", PROMETHEUS_PORT=taken)

    assert done.returncode == 1
    assert failed(done.stdout).keys() == {"ports"}
    assert f"port {taken} is taken by " in failed(done.stdout)["ports"]
    assert "set PROMETHEUS_PORT to another port" in failed(done.stdout)["ports"]
    assert lines(done.stdout)["programs"][0] == "✓"
    assert done.stderr == "lab: `make up` cannot start the lab: 1 of its checks failed, see above.\n"


@pytest.mark.parametrize(
    ("variables", "before", "name", "words"),
    [
        ({}, ["prlimit", "--nofile=256"], "limits", "the limit of 256 open files is too low: raise it to 2048"),
        ({}, ["prlimit", "--nproc=100"], "limits", "processes and threads for this user is too low: raise it to 512"),
        ({"UWSGI_WORKERS": "many"}, [], "settings", "UWSGI_WORKERS is 'many', but must be"),
        ({"RUNTIME": "podman"}, [], "runtime", "RUNTIME is 'podman', but must be one of"),
        ({"RUNTIME": "compose", "PATH": "/nowhere"}, [], "runtime", "there is no docker command: install Docker"),
    ],
    ids=["files", "processes", "settings", "runtime", "docker"],
)
def test_a_failed_check_says_what_to_do(lab, variables, before, name, words):
    done = lab("doctor", before=before, **variables)

    assert done.returncode == 1
    assert failed(done.stdout).keys() == {name}
    assert words in failed(done.stdout)[name]


def test_missing_programs_fail_their_check_where_there_is_no_apt(lab, checkout, tmp_path):
    (checkout / ".lab" / "debian").unlink(missing_ok=True)

    done = lab("doctor", PATH=str(tmp_path))

    assert "Install them, or start a Docker engine" in failed(done.stdout)["programs"]


def test_the_ports_of_a_running_lab_are_not_checked(monkeypatch):
    monkeypatch.setattr(HostRuntime, "is_running", lambda self: True)
    monkeypatch.setattr(HostRuntime, "_of_running_lab", lambda self: dict(self._wanted))

    found = {name: (mark, text) for mark, name, text in doctor.examine({"RUNTIME": "host"})}

    assert found["running lab"] == ("✓", "running with these settings")
    assert found["ports"] == ("·", "not checked, because the lab is running")


@pytest.mark.parametrize("engine_is", ["there", "missing"])
def test_a_missing_engine_is_no_problem_if_no_runtime_is_requested(monkeypatch, tmp_path, engine_is):
    if engine_is == "missing":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif engine.why_not() != ("", ""):
        pytest.skip("no Docker engine")
    monkeypatch.setattr(HostRuntime, "is_running", lambda self: False)

    found = {name: (mark, text) for mark, name, text in doctor._checks({})}

    chosen = "compose" if engine_is == "there" else "host"
    assert found["runtime"][1].startswith(f"{chosen}, because ")
    assert ("buildx plugin" in found) == (engine_is == "there")
    assert found["runtime"][0] != doctor.FAILED


def bootstrap_alone(folder) -> subprocess.CompletedProcess:
    """Run `lab doctor` in a folder that contains only the bootstrap modules."""
    (folder / "lab" / "runtimes").mkdir(parents=True)
    (folder / "requirements").mkdir()
    for module in ("__init__.py", "bootstrap.py", "network.py", "runtimes/__init__.py", "runtimes/environment.py"):
        shutil.copy2(ROOT / "lab" / module, folder / "lab" / module)
    command = [sys.executable, "-IS", "lab/bootstrap.py", "doctor"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20)


def test_checks_before_the_python_environment_run_without_it(tmp_path):
    done = bootstrap_alone(tmp_path / "100%")

    assert done.returncode == 1
    assert set(bootstrap.CHECKS) | {"C compiler"} == lines(done.stdout).keys()
    assert failed(done.stdout).keys() == {"path"}
    assert "contains '%': move the checkout from" in failed(done.stdout)["path"]
    assert done.stderr == (
        "lab: the other checks need the Python environment: fix the problems above, then run `make doctor` again.\n"
    )


def test_a_state_folder_that_cannot_be_written_fails_its_check(tmp_path):
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / ".lab").write_text("in the way")

    done = bootstrap_alone(folder)

    assert failed(done.stdout).keys() == {"environment folder"}
    assert "the lab cannot write to" in failed(done.stdout)["environment folder"]


def test_an_old_python_and_a_python_without_venv_are_rejected(monkeypatch):
    monkeypatch.setattr(bootstrap, "is_current", lambda: False)
    monkeypatch.setattr(bootstrap, "lab_runs", lambda: False)
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert bootstrap.check_python()[1].startswith("Python 3.11 or newer is required, but this is ")
    assert bootstrap.check_venv()[1].startswith("this Python has no venv module: install it")


def test_only_down_is_allowed_for_a_lab_from_another_environment(monkeypatch):
    monkeypatch.setattr(bootstrap, "is_current", lambda: False)
    monkeypatch.setattr(bootstrap, "lab_runs", lambda: True)
    # The lab was started with another Python, and this one has no venv module.
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    refusals = {}
    for verb in ("up", "down"):
        monkeypatch.setattr(sys, "argv", ["bootstrap.py", verb])
        refusals[verb] = bootstrap.check_requirements()[1] + bootstrap.check_venv()[1]

    assert refusals == {
        "up": "the running lab was started with other requirements or another Python: run `make down` first.",
        "down": "",
    }


@pytest.mark.parametrize(
    ("said", "installed", "words"),
    [
        ("", 0, "0 of 4 packages downloaded"),
        ("Ignoring c: markers\nCollecting a==1\nCollecting b==2 (from x)\n", 0, "2 of 3 packages downloaded, now b"),
        ("Ignoring c: markers\nCollecting a==1\nInstalling collected packages: a, b\n", 2, "2 of 3 packages installed"),
        ("Collecting a==1\nInstalling collected packages: a\n", 5, "4 of 4 packages installed, byte-compiling them"),
    ],
)
def test_pips_progress_is_shown_as_a_number_of_packages(said, installed, words):
    assert bootstrap.progress(said, 4, installed) == words


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Collecting a==1\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "Could not install packages due to an OSError: [Errno 28] No space left on device.",
        ),
        (
            "ERROR: HTTPSConnectionPool(host='files', port=443): Read timed out.",
            "HTTPSConnectionPool(host='files', port=443): Read timed out. Check the network.",
        ),
        ("", "pip printed nothing."),
    ],
    ids=["hashes", "disk", "network", "nothing"],
)
def test_only_a_pip_connection_error_suggests_checking_the_network(said, reason):
    assert bootstrap.why_pip_failed(said, {}) == reason


def test_a_missing_package_and_an_unreachable_index_have_different_errors(tmp_path):
    said = "ERROR: Could not find a version that satisfies the requirement pomar-x==1 (from versions: none)"
    own = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "no_proxy": "*"}

    lacks = bootstrap.why_pip_failed(said, own | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)})
    cannot = bootstrap.why_pip_failed(said, own | {"PIP_INDEX_URL": "http://name:secret@127.0.0.1:1/simple"})

    assert lacks == said.removeprefix("ERROR: ") + "."
    assert cannot == "pip cannot read http://127.0.0.1:1/simple/pomar-x/: Connection refused. Check the network."
