"""Drills in a running lab: their alerts fire, and the lab always recovers afterwards."""

import os
import signal
from contextlib import contextmanager, nullcontext

import pytest

from lab.drills import faults
from lab.drills.catalogue import Drill, named
from lab.drills.drill import run_drill
from lab.errors import LabError
from lab.runtimes import services

#: One fast drill for each runtime; `make drills` runs all of them.
QUICK = {"host": "exporter-stopped", "compose": "database-down", "kubernetes": "exporter-stopped"}


def test_a_drill_makes_its_alerts_fire_and_resolve(runtime):
    drill = named(QUICK[runtime.name])

    rows = list(run_drill(runtime, drill).rows(drill))

    assert [row[0] for row in rows] == list(drill.alerts)


def test_a_terminated_drill_reverts_its_fault(runtime, monkeypatch):
    monkeypatch.setattr("lab.drills.drill.CALM_SECONDS", 0)

    @contextmanager
    def fault(lab):
        with faults.stopped(lab, "pushgateway"):
            os.kill(os.getpid(), signal.SIGTERM)
            yield

    with pytest.raises(KeyboardInterrupt):
        run_drill(runtime, Drill("killed", "The process that runs it is killed.", ("Nobody",), "Lab: Targets", fault))

    assert runtime.answers(services.named("pushgateway")) == ""


def test_a_drill_whose_alert_does_not_fire_fails_and_reverts_its_fault(runtime, monkeypatch):
    monkeypatch.setattr("lab.drills.drill.running_load", lambda *_: nullcontext())
    never = Drill(
        "never", "No alert covers this fault.", ("Nobody",), "Lab: Targets",
        lambda lab: faults.stopped(lab, "pushgateway"), seconds=3,
    )  # fmt: skip

    with pytest.raises(LabError, match="Nobody was not pending, Nobody was not firing after 3 s"):
        run_drill(runtime, never)

    assert runtime.answers(services.named("pushgateway")) == ""


def test_a_drill_that_needs_a_missing_service_is_refused(runtime):
    drill = Drill("x", "x", (), "", lambda _: pytest.fail("it began"), needs=("kafka",))

    with pytest.raises(LabError, match=rf"the drill x cannot run on {runtime.name}, which has no kafka"):
        run_drill(runtime, drill)
