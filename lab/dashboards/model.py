"""Dashboards read from ``grafana/dashboards/``, with additional facts declared by the code in ``grafana/boards/``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.paths import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
#: Facts about panels that their JSON does not contain, by dashboard and panel ID. ``make generate`` writes this file
#: (see lab/dashboards/build.py).
DECLARED = ROOT / "grafana" / "declared.json"


@dataclass(frozen=True)
class Target:
    """One query in a panel. It covers the selected time range, or only the end of that range if ``instant``."""

    letter: str
    expr: str
    legend: str
    instant: bool


@dataclass(frozen=True)
class Panel:
    """One panel. ``json`` is its complete JSON; ``needs`` and ``empty_until`` are as in ``grafana.boards.panels``."""

    dashboard: str
    id: int
    title: str
    type: str
    json: dict = field(repr=False)
    needs: tuple[str, ...] = ()
    empty_until: str = ""

    @property
    def targets(self) -> list[Target]:
        """The queries that are not hidden."""
        return [
            Target(each["refId"], each["expr"], each.get("legendFormat", ""), bool(each.get("instant")))
            for each in self.json.get("targets", [])
            if not each.get("hide")
        ]

    @property
    def name(self) -> str:
        """The titles of the dashboard and the panel: ``Dashboard: Panel``."""
        return f"{self.dashboard}: {self.title}"


@dataclass(frozen=True)
class Row:
    """Panels under a heading. The heading is empty for panels above the first row."""

    title: str
    panels: list[Panel]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. ``variables`` and ``events`` contain the queries of its variables and annotations by name."""

    uid: str
    title: str
    description: str
    rows: list[Row]
    variables: dict[str, str]
    events: dict[str, str]
    ranges: list[str]

    @property
    def panels(self) -> list[Panel]:
        """The panels of all rows."""
        return [panel for row in self.rows for panel in row.panels]


def load() -> list[Dashboard]:
    """Return the dashboards in the same order as in the code; raises LabError if a file is missing or broken."""
    return [read(_file(uid)) for uid in _declared()]


def find(uid: str) -> Dashboard | None:
    """Return the dashboard with this uid, or None; raises LabError if its file is missing or broken."""
    return read(_file(uid)) if uid in _declared() else None


def read(file: Path) -> Dashboard:
    """Read a dashboard from a file; raises LabError with the file name if it is not a dashboard."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        panels = _declared().get(content["uid"], {})
        variables = {
            each["name"]: each["query"]["query"] for each in content["templating"]["list"] if each["type"] == "query"
        }
        return Dashboard(
            content["uid"],
            content["title"],
            content.get("description", ""),
            _rows(content["title"], content["panels"], panels),
            variables,
            {each["name"]: each["expr"] for each in content["annotations"]["list"] if "expr" in each},
            [each["from"] for each in content["timepicker"]["quick_ranges"]],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{file.name} is not a dashboard ({type(error).__name__}: {error}): run `make generate`."
        ) from error


def _file(uid: str) -> Path:
    return FOLDER / f"{uid.removeprefix('pomar-')}.json"


def _declared() -> dict[str, dict]:
    return json.loads(DECLARED.read_text(encoding="utf-8"))


def _rows(dashboard: str, panels: Sequence[dict], declared: dict) -> list[Row]:
    rows = [Row("", [])]
    for each in panels:
        if each["type"] == "row":
            rows.append(Row(each["title"], []))
            rows[-1].panels.extend(_panel(dashboard, inner, declared) for inner in each.get("panels", []))
        else:
            rows[-1].panels.append(_panel(dashboard, each, declared))
    return [row for row in rows if row.panels]


def _panel(dashboard: str, content: dict, declared: dict) -> Panel:
    known = declared.get(str(content["id"]), {})
    return Panel(
        dashboard,
        content["id"],
        content["title"],
        content["type"],
        content,
        tuple(known.get("needs", ())),
        known.get("empty_until", ""),
    )
