"""Test the drill catalogue: every alert has a drill, and every drill has alerts and an existing panel."""

import re

import pytest

from lab.alerts import definitions
from lab.dashboards import model
from lab.drills.catalogue import DRILLS, named
from lab.errors import LabError
from tests.config.rules import alert_names


def test_every_alert_has_a_drill_and_drills_name_only_existing_alerts():
    assert {name for drill in DRILLS for name in drill.alerts} == alert_names() - {"Watchdog"}


def test_drill_names_are_unique():
    assert len({drill.name for drill in DRILLS}) == len(DRILLS)


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_a_drill_has_an_existing_panel_and_says_what_breaks(drill):
    panels = {panel.name: panel for dashboard in model.load() for panel in dashboard.panels}

    needs = {each.alert: set(each.needs) for each in definitions.alerts()}

    assert drill.alerts
    assert set().union(*(needs.get(name, set()) for name in drill.alerts)) <= set(drill.needs)
    assert set(panels[drill.panel].needs) <= set(drill.needs)
    assert drill.what.endswith(".")
    assert re.fullmatch(r"[a-z0-9-]+", drill.name)


def test_an_unknown_drill_is_refused_with_the_list_of_known_drills():
    with pytest.raises(LabError, match="there is no drill 'earthquake': set D= to one of exporter-stopped, "):
        named("earthquake")
