"""Test a lab that miscounts: its ledger fails and names the tier at fault."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.paths import ROOT
from tests.lab import hostile
from tests.lab.conftest import Command, command_in, copy_of_checkout, lab_ports

COUNTED = "  nginx_http_responses_total[$route][$method][$status]++\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout."""
    return copy_of_checkout(tmp_path_factory.mktemp("mutations"))


@pytest.fixture(scope="module")
def lab(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A function that runs the lab's command in the copied checkout, in a hostile shell. The lab is already running."""
    run = command_in(checkout, lab_ports(), hostile.environment(tmp_path_factory.mktemp("hostile")))
    started = run("up")
    assert started.returncode == 0, started.stderr
    yield run
    run("down")


def load(lab: Command) -> tuple[int, str]:
    """Run a short load test, and return its exit code and output."""
    done = lab("load", "--profile=smoke", "--users=6", "--duration=6s")
    return done.returncode, done.stdout + done.stderr


def test_a_lab_that_counts_correctly_is_exact_even_in_a_hostile_shell(lab, checkout):
    code, said = load(lab)

    assert "LEDGER: remainder 0 in every row" in said, said
    assert code == 0

    # Times are in UTC, although the shell's time zone is Tokyo.
    (file,) = (checkout / ".lab" / "reports").glob("*.json")
    start = json.loads(file.read_text())["start"]
    began = f"{datetime.fromtimestamp(start, UTC):%Y%m%d-%H%M}"
    assert file.name.startswith((f"load-{began}", f"load-{datetime.fromtimestamp(start - 20, UTC):%Y%m%d-%H%M}"))
    assert re.search(r"^The ledger from [\d:]{8} to [\d:]{8} UTC: requests", said, flags=re.MULTILINE)


@pytest.fixture
def mtail_program(checkout: Path, lab: Command) -> Iterator[Path]:
    """The access log exporter's mtail program. A test may change it. It is restored afterwards."""
    program = checkout / "nginx" / "access_log.mtail"
    right = program.read_text()
    yield program
    program.write_text(right)
    assert lab("restart", "access-log-exporter").returncode == 0


def test_log_lines_dropped_by_the_exporter_are_blamed_on_the_access_log(lab, mtail_program):
    drop = "\n/[37] [a-z-]+ load$/ {\n  stop\n}\n\n/^(?P<route>"
    mtail_program.write_text(mtail_program.read_text().replace("\n/^(?P<route>", drop))
    assert lab("restart", "access-log-exporter").returncode == 0

    code, said = load(lab)

    assert "NGINX's access log is at fault: all other tiers agree." in said, said
    assert "PASSED" in said
    assert code == 1


def test_a_route_counted_twice_is_blamed_on_the_access_log(lab, mtail_program):
    twice = """  $route == "product:list" {
    nginx_http_responses_total[$route][$method][$status]++
    nginx_http_load_responses_total[$route][$method][$status]++
  }
"""
    mtail_program.write_text(mtail_program.read_text().replace(COUNTED, COUNTED + twice))
    assert lab("restart", "access-log-exporter").returncode == 0

    code, said = load(lab)

    assert "NGINX's access log is at fault: all other tiers agree." in said, said
    assert "GET product:list 200; NGINX's access log has" in said
    assert code == 1


def test_without_multiprocess_mode_django_contradicts_itself(lab, checkout):
    for path in (ROOT / "lessons" / "naive").iterdir():
        if path.is_file():
            shutil.copy2(path, checkout / "app")
    assert lab("restart", "app").returncode == 0

    code, said = load(lab)

    assert "Django contradicts itself" in said, said
    assert "LEDGER: WRONG" in said
    assert "Django is at fault" in said
    assert code == 1
