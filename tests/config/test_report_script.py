"""Test the report's scripts: the page contains all modules, and the linter finds errors in them."""

import re
import shutil
import subprocess

import pytest

from lab.paths import ROOT
from lab.runs.report import resources
from tests.programs import program

MODULES = resources.FOLDER / "js"
#: The module that only live dashboards load.
LIVE = "live"


def modules_in(folder):
    """Copy the modules and the linter's configuration into a folder, and return the folder."""
    shutil.copytree(MODULES, folder, dirs_exist_ok=True)
    shutil.copy(ROOT / ".oxlintrc.json", folder)
    return folder


def lint(folder):
    """Return the linter's output for a folder, and its exit code."""
    done = subprocess.run([program("oxlint"), "--format=unix"], cwd=folder, stdout=subprocess.PIPE, text=True)
    return done.stdout, done.returncode


def test_the_page_loads_every_module_after_its_imports():
    before = set()
    for name in (*resources.SCRIPTS, LIVE):
        assert set(re.findall(r' from "./(\w+)\.js";$', (MODULES / f"{name}.js").read_text(), re.MULTILINE)) <= before
        before.add(name)

    assert before == {file.stem for file in MODULES.glob("*.js")}


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("undefinedName();", "no-undef"),
        ("const unused = 1;", "no-unused-vars"),
        ('import { missing } from "./times.js";\nmissing();', "named"),
        ('import { start } from "./page.js";\nstart();', "no-cycle"),
    ],
    ids=["undefined variable", "unused variable", "missing import", "cycle of imports"],
)
def test_the_linter_detects_a_planted_mistake(tmp_path, fault, rule):
    folder = modules_in(tmp_path)
    assert lint(folder)[1] == 0
    file = folder / "panels.js"

    file.write_text(f"{fault}\n{file.read_text()}")

    said, code = lint(folder)
    assert code != 0
    assert re.search(rf"panels\.js:.*\({rule}\)", said)
