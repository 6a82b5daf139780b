"""Drills in a cluster. The quick one is in tests/live/test_drills.py."""

import pytest

from lab.drills.catalogue import named
from lab.drills.drill import run_drill


@pytest.mark.parametrize("name", ["uwsgi-stopped", "worker-killed", "database-down"])
def test_a_drill_makes_its_alerts_fire_and_resolve(thorough_only, runtime, name):
    drill = named(name)

    rows = list(run_drill(runtime, drill).rows(drill))

    assert [row[0] for row in rows] == list(drill.alerts)
