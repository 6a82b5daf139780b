"""Test that a checkout path with a bad character is rejected, and that the error names the character.

tests/lab/test_host_runtime.py tests that the lab works with all other special characters in the path.
"""

import os
import shutil
import string
import subprocess
import sys

import pytest

from lab import bootstrap
from lab.paths import ROOT
from tests.lab.conftest import ACCEPTED

REFUSED = {
    **{character: ascii(character) for character in bootstrap.REFUSED_CHARACTERS},
    "\n": r"'\n'",
    "\x7f": r"'\x7f'",
    "\u2028": r"'\u2028'",
    os.fsdecode(b"\xff"): r"'\udcff'",
}


def test_every_printable_character_is_either_accepted_or_rejected():
    letters = set(string.ascii_letters + string.digits + "/")

    for character in set(string.printable) - letters:
        assert bool(bootstrap.refused_character(character)) == (character not in ACCEPTED), ascii(character)
    assert bootstrap.refused_character(f"/home/{ACCEPTED}/{''.join(letters)}") == ""


@pytest.mark.parametrize(("character", "name"), REFUSED.items(), ids=REFUSED.values())
def test_a_path_with_a_rejected_character_fails_before_anything_is_created(tmp_path, character, name):
    checkout = tmp_path / f"a{character}b"
    (checkout / "lab" / "runtimes").mkdir(parents=True)
    for module in ("__init__.py", "bootstrap.py", "network.py", "runtimes/__init__.py", "runtimes/environment.py"):
        shutil.copy2(ROOT / "lab" / module, checkout / "lab" / module)

    done = subprocess.run(
        [sys.executable, "-IS", "lab/bootstrap.py", "status"], cwd=checkout, capture_output=True, text=True, timeout=20
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"lab: the path of this checkout contains {name}: move the checkout from ")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in checkout.iterdir()) == ["lab"]
