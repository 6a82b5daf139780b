"""`make incident` in a running lab: the metrics show the fault, wrong guesses are reported, and the lab recovers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from lab.drills import game
from lab.paths import ROOT
from tests.eventually import eventually

#: Longer than the load run needs to finish and write its ledger.
ENDS_SECONDS = 180


@contextmanager
def playing(runtime, name: str) -> Iterator[subprocess.Popen]:
    """Play a round with a known incident; enter the block once the fault has been injected."""
    seed = next(each for each in count() if game.choose(runtime, each).name == name)
    player = subprocess.Popen(
        [sys.executable, "-m", "lab", "incident", f"--seed={seed}"],
        cwd=ROOT,
        env={**os.environ, "RUNTIME": runtime.name, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        said = ""
        while "gives up" not in said:
            line = player.stdout.readline()
            assert line, said
            said += line
        yield player
    finally:
        if player.poll() is None:
            player.kill()
            player.wait()


def errors(runtime) -> float:
    """Return Django's rate of 5xx responses per second."""
    return game.read(runtime)["Django 5xx responses"]


@pytest.mark.one_runtime("host")
def test_a_round_is_won_with_the_right_tier_and_cause_and_shows_evidence(runtime):
    causes = [each.name for each in game.available(runtime) if each.tier == "database"]
    right = causes.index("statement-refused") + 1

    with playing(runtime, "statement-refused") as player:
        eventually(
            lambda: game.read(runtime)["failed SQL statements"],
            because="the fault is visible",
            timeout=40,
            wanted=lambda seen: seen > 1,
        )
        wrong = right % len(causes) + 1
        answers = f"nginx\ndatabase\n{wrong}\ndatabase\n{right}\n"
        said, _ = player.communicate(answers, timeout=ENDS_SECONDS)

    assert player.returncode == 0, said
    assert "It is not nginx. Its signals before the incident and now:" in said
    assert "The tier is right, but the cause is not." in said
    assert "Right on attempt 3, after " in said
    assert "The tier was database. Cause: the database rejects the application's SQL statements." in said
    row = next(line for line in said.splitlines() if line.startswith("failed SQL statements"))
    assert "rises" in row
    assert "Overview: Database errors" in row
    assert "LEDGER: remainder 0 in every row" in said
    eventually(lambda: errors(runtime), because="the lab recovers", timeout=40, wanted=lambda seen: seen == 0)


@pytest.mark.one_runtime("compose")
def test_giving_up_reveals_the_cause_and_reverts_the_fault(runtime):
    with playing(runtime, "exception") as player:
        eventually(lambda: errors(runtime), because="the fault is visible", timeout=40, wanted=lambda seen: seen > 1)
        player.send_signal(signal.SIGINT)
        said, _ = player.communicate(timeout=ENDS_SECONDS)

    assert player.returncode == 1, said
    assert "Given up after " in said
    assert "The tier was django. Cause: a view raises an exception." in said
    eventually(lambda: errors(runtime), because="the lab recovers", timeout=40, wanted=lambda seen: seen == 0)
