"""Test that `make update` either updates the lock files for the Python packages or changes nothing."""

import os
import re

import pytest

from lab.paths import ROOT
from tests.lab.conftest import command_in
from tests.lab.test_command import sentence
from tools import update

OLD = """# Made by hand.
idna==3.7 \\
    --hash=sha256:82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0
    # via -r app.in
"""


@pytest.fixture
def lab(checkout):
    """A function that runs the lab's command in the checkout. No test here starts a lab."""
    return command_in(checkout, {})


def online(done):
    """Return this finished command. If it could not reach a package index, skip the test. In CI, never skip it."""
    if "Check the network." in done.stderr and "CI" not in os.environ:
        pytest.skip("no package index can be reached")
    return done


def locks(checkout) -> dict[str, str]:
    return {file.name: file.read_text() for file in (checkout / "requirements").iterdir()}


@pytest.fixture
def small(checkout):
    """The checkout with two short package lists, one of which includes the other."""
    folder = checkout / "requirements"
    for file in folder.iterdir():
        if file.stem != "uv":
            file.unlink()
    (folder / "app.in").write_text("idna\n")
    (folder / "app.txt").write_text(OLD)
    (folder / "lab.in").write_text("-r app.in\niniconfig\n")
    return checkout


def test_update_locks_the_newest_packages_with_hashes_and_says_what_changed(lab, small):
    done = online(lab("update"))

    assert done.returncode == 0, done.stderr
    assert re.search(r"^requirements/app.txt: changed\n  idna 3\.7 → [\d.]+$", done.stdout, re.MULTILINE)
    assert re.search(r"^  iniconfig \(new\) → [\d.]+$", done.stdout, re.MULTILINE)
    made = locks(small)
    assert made.keys() == {"app.in", "app.txt", "lab.in", "lab.txt", "uv.in", "uv.txt"}
    for name in ("app.txt", "lab.txt"):
        assert "#    make update\n" in made[name]
        assert re.search(r"^idna==[\d.]+ \\\n    --hash=sha256:", made[name], re.MULTILINE)
        assert "//" not in made[name]


def test_update_fails_without_a_network_and_changes_nothing(lab, checkout):
    before = locks(checkout)

    refusal = sentence(lab("update", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0"))

    assert "uv could not be installed: pip cannot read http://127.0.0.1:9/simple/uv/: Connection refused." in refusal
    assert refusal.endswith("Check the network. No lock was changed.")
    assert locks(checkout) == before


def test_no_lock_is_changed_if_one_list_cannot_be_locked(lab, small):
    (small / "requirements" / "lab.in").write_text("-r app.in\nidna==999\n")
    before = locks(small)

    refusal = sentence(online(lab("update")))

    assert "lab.in could not be locked: error: No solution found" in refusal
    assert "idna==999" in refusal
    assert refusal.endswith(". No lock was changed.")
    assert locks(small) == before


def test_changes_between_two_locks_are_listed():
    old = "a==1 \\\n    --hash=x\nb==1 ; sys_platform == 'win32'\nb==2 ; sys_platform != 'win32'\nc[x]==1\n"
    new = "a==1\nb==2\nd==1!2.0\n"

    assert list(update.changes(old, new)) == ["b 1, 2 → 2", "c 1 → (removed)", "d (new) → 1!2.0"]


def test_every_lock_says_how_to_make_it_and_contains_no_url():
    for file in (ROOT / "requirements").glob("*.in"):
        lock = file.with_suffix(".txt").read_text()
        assert lock.splitlines()[1] == "#    make update"
        assert "://" not in lock
        assert "--index-url" not in lock
