"""Test that the user's shell and home folder affect the lab only in documented ways."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lab import bootstrap
from lab.bootstrap import FLAGS
from lab.paths import ROOT
from lab.runtimes import environment, settings
from lab.runtimes.compose.engine import Compose
from tests.lab import hostile


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The variables of a hostile shell. Only PATH is taken from this shell."""
    return {"PATH": os.environ["PATH"], **hostile.environment(tmp_path)}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A program for ``make PYTHON=`` that prints its arguments, one per line."""
    program = tmp_path / "show"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


def passed_by_make(python: Path, *arguments: str, **shell: str) -> list[str]:
    """Return the arguments that ``make`` passes to the lab's command."""
    make = ["make", f"PYTHON={python}", *arguments]
    done = subprocess.run(make, cwd=ROOT, env={"PATH": os.environ["PATH"], **shell}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    isolated, script, *given = done.stdout.splitlines()
    assert (isolated, script) == ("-IS", "lab/bootstrap.py")
    return given


@pytest.mark.parametrize(
    "verb", ["logs", "restart", "clean", "load", "load-ui", "ledger", "report", "drill", "incident"]
)
def test_shell_variables_do_not_become_arguments_of_a_make_target(python, verb):
    assert passed_by_make(python, verb, **hostile.SHELL) == [verb]


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("logs S=nginx FOLLOW=1", "logs --follow -- nginx"),
        ("logs FOLLOW=0", "logs"),
        ("restart S=-x", "restart -- -x"),
        ("clean FORCE=1", "clean --force"),
        ("clean FORCE=0", "clean"),
        ("clean FORCE=", "clean"),
        ("load PROFILE=smoke USERS=3 DURATION=9s SEED=7", "load --profile=smoke --users=3 --duration=9s --seed=7"),
        ("load-ui SEED=7", "load-ui --seed=7"),
        ("ledger R='my $HOME; it'\"'\"'s (1).json'", "ledger -- 'my $HOME; it'\"'\"'s (1).json'"),
        ("report R='a.json b.json'", "report --runs='a.json b.json'"),
        ("drill D=bad-deploy", "drill -- bad-deploy"),
        ("incident SEED=7", "incident --seed=7"),
    ],
)
def test_make_passes_its_arguments_on(python, command, given):
    assert passed_by_make(python, *shlex.split(command)) == shlex.split(given)


def test_clean_still_asks_when_force_is_set_in_the_shell(lab, checkout):
    data = checkout / ".lab" / "data" / "shop.sqlite3"
    data.parent.mkdir()
    data.write_text("orders")

    assert lab("clean", FORCE="1").returncode == 1
    assert data.read_text() == "orders"


def test_the_database_of_another_project_is_left_alone(lab, checkout, tmp_path):
    (checkout / ".lab" / "data").mkdir()

    done = lab("manage", "migrate", DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "other.sqlite3").exists()
    assert (checkout / ".lab" / "data" / "shop.sqlite3").exists()


def test_lab_database_url_selects_the_labs_database(lab, checkout, tmp_path):
    (checkout / ".lab" / "data").mkdir()

    done = lab("manage", "migrate", LAB_DATABASE_URL=f"sqlite:///{tmp_path}/chosen.sqlite3")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chosen.sqlite3").exists()
    assert not (checkout / ".lab" / "data" / "shop.sqlite3").exists()


def test_up_prints_the_database_url_without_its_password(lab):
    done = lab("up", LAB_DATABASE_URL="postgres://shop:se/cr@et@127.0.0.1:1/shop?sslmode=disable")

    assert "Using the database postgres://127.0.0.1:1/shop from LAB_DATABASE_URL:" in done.stdout
    assert "manage.py migrate" in done.stderr
    assert "cr@et" not in done.stdout + done.stderr


def test_docker_gets_only_shell_variables_that_it_needs_to_reach_an_engine(shell, monkeypatch):
    reaching = {"DOCKER_HOST": "ssh://there", "DOCKER_CONFIG": "/c", "SSH_AUTH_SOCK": "/s", "https_proxy": "http://p"}
    for name, value in {**shell, **reaching}.items():
        monkeypatch.setenv(name, value)

    given = Compose(settings.load({}), "official").environment()

    assert {name: given[name] for name in reaching} == reaching
    assert given["SHOP_HTTPS_PORT"] == "8443"
    assert not given.keys() & (hostile.SHELL.keys() - {"TERM", "TZ", "LC_ALL"})


def test_services_get_no_proxy_settings(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert "http_proxy" in environment.for_tools()
    assert "http_proxy" not in environment.for_services()


def test_the_tests_pass_in_a_hostile_shell_with_their_own_database(shell):
    tests = ["tests/app/test_health.py", "tests/app/test_checkout.py", "tests/lab/test_settings.py"]
    command = [sys.executable, *FLAGS, "-m", "lab", "test", *tests]

    done = subprocess.run(command, cwd=ROOT, env=shell | {"RUNTIME": "host"}, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_status_works_in_a_hostile_shell(shell):
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "status"], cwd=ROOT, env=shell, capture_output=True, text=True
    )

    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[0].split()[:2] == ["service", "state"]


def test_pip_gets_the_users_index_and_timeout_and_no_other_settings(shell, monkeypatch):
    Path(shell["HOME"], ".config/pip/pip.conf").write_text(
        "[global]\nuser = true\ntarget = /nowhere\nindex-url = https://first.example/\ntimeout = 7\n"
        "extra-index-url =\n    https://one.example/\n    https://two.example/\n"
        "[install]\ndry-run = true\nindex-url = https://second.example/\n"
    )
    for name, value in {**shell, "PIP_TIMEOUT": "9"}.items():
        monkeypatch.setenv(name, value)

    env = bootstrap.of_pip()

    given = {name: env[name].split() for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TIMEOUT")}
    assert given == {
        "PIP_INDEX_URL": ["https://second.example/"],
        "PIP_EXTRA_INDEX_URL": ["https://one.example/", "https://two.example/"],
        "PIP_TIMEOUT": ["9"],
    }
    assert env["PIP_CONFIG_FILE"] == os.devnull
    assert not env.keys() & {"PIP_USER", "PIP_TARGET", "PIP_DRY_RUN", "PIP_PYTHON", "PYTHONPATH", "PYTHONHOME"}
