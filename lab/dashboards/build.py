"""Build the dashboard files from the code in ``grafana/boards/``, for ``make generate``."""

import json
from functools import cache
from pathlib import Path

from grafana import boards
from lab.alerts.definitions import objectives
from lab.dashboards.model import DECLARED, FOLDER
from lab.errors import LabError


def generate() -> dict[Path, str]:
    """Return the content of each file in ``grafana/dashboards/``, and of ``grafana/declared.json``."""
    dashboards = {FOLDER / f"{each.uid.removeprefix('pomar-')}.json": each.json() for each in built()}
    declared = {
        each.uid: {
            number: {"needs": list(panel.needs), "empty_until": panel.empty_until}
            for number, panel in each.panels.items()
            if panel.needs or panel.empty_until
        }
        for each in built()
    }
    return {**dashboards, DECLARED: json.dumps(declared, indent=2) + "\n"}


@cache
def built() -> tuple[boards.Dashboard, ...]:
    """Return the dashboards built from the code; raises LabError if an objective that they show is missing."""
    try:
        return boards.build(objectives())
    except ValueError as error:
        raise LabError(f"objectives.yaml: {error}: add it.") from error
