"""Every query and command in the runbooks' Diagnosis sections works in a healthy lab, on every runtime."""

import os
import subprocess
import sys

import pytest

from lab.paths import ROOT
from tests.config.test_runbooks import RUNBOOKS, needs_of

QUERIES = [
    pytest.param(query, id=f"{runbook.name} {number}")
    for runbook in RUNBOOKS
    for number, query in enumerate(runbook.queries, start=1)
]
COMMANDS = sorted({command for runbook in RUNBOOKS for command in runbook.commands})
SECONDS = 60


def skip_unless_here(text, runtime) -> None:
    """Skip a query or command that needs a service the runtime does not have."""
    if missing := needs_of(text) - runtime.provides:
        pytest.skip(f"not on {runtime.name}: {', '.join(sorted(missing))}")


@pytest.mark.parametrize("query", QUERIES)
def test_prometheus_accepts_a_query_from_a_runbook(observer, runtime, query):
    skip_unless_here(query, runtime)

    observer.query(query)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_from_a_runbook_succeeds(runtime, command):
    skip_unless_here(command, runtime)
    make, *given = command.split()

    done = subprocess.run(
        [make, f"PYTHON={sys.executable}", *given],
        cwd=ROOT,
        env={**os.environ, "RUNTIME": runtime.name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr
