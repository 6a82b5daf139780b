"""Build dashboards with what they all share: variables, time ranges, annotations, and the layout of the panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from grafana.boards.panels import Panel
from grafana.boards.queries import SOURCE
from grafana.defaults import ALL, DEFAULT_RANGE, RANGES

#: The dashboard schema of Grafana 11.6, which the SDK uses. Grafana 12.4 and later migrate it on load.
SCHEMA_VERSION = 41


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. Its variables list the label values found in the metric or selector given as ``of``."""

    uid: str
    title: str
    description: str
    of: str
    rows: Sequence[Row]

    @property
    def panels(self) -> dict[int, Panel]:
        """The panels by the ID that they have in the JSON."""
        return dict(enumerate((panel for row in self.rows for panel in row.panels), start=1))

    def json(self) -> str:
        """Return the dashboard as JSON for Grafana."""
        built = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags(["pomar"])
            .readonly()
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .time(DEFAULT_RANGE, "now")
            .refresh("5s")
            .timepicker(_timepicker())
            .link(
                dashboard.DashboardLink("Pomar")
                .type(model.DashboardLinkType.DASHBOARDS)
                .tags(["pomar"])
                .as_dropdown(True)
                .include_vars(True)
                .keep_time(True)
            )
            .annotation(_Events("Load tests", "load", "blue"))
            .annotation(_Events("Deploys", "deploy", "purple"))
            .annotation(_Events("Drills", "drill", "orange"))
        )
        for variable in self._variables():
            built = built.with_variable(variable)
        numbers = {id(panel): number for number, panel in self.panels.items()}
        place = Place()
        for number, row in enumerate(self.rows, start=1):
            built = built.with_row(dashboard.Row(row.title).id(1000 + number).grid_pos(place.heading()))
            for panel in row.panels:
                built = built.with_panel(panel.builder.id(numbers[id(panel)]).grid_pos(place.of(panel)))
        finished = built.build()
        finished.schema_version = SCHEMA_VERSION
        return JSONEncoder(sort_keys=True, indent=2).encode(finished) + "\n"

    def _variables(self) -> list[Any]:
        return [
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
            _label_variable("namespace", "Namespace", self.of),
            _label_variable("job", "Job", _within(self.of, 'namespace=~"$namespace"')),
            _label_variable("instance", "Instance", _within(self.of, 'namespace=~"$namespace",job=~"$job"')),
        ]


@dataclass
class Place:
    """The position of the next panel in Grafana's 24-column grid."""

    x: int = 0
    y: int = 0
    tallest: int = 0

    def heading(self) -> model.GridPos:
        """Return the position of a row heading, below all panels so far."""
        self.y += self.tallest
        heading = model.GridPos(h=1, w=24, x=0, y=self.y)
        self.x, self.y, self.tallest = 0, self.y + 1, 0
        return heading

    def of(self, panel: Panel) -> model.GridPos:
        """Return the position of a panel: next to the previous panel, or below it if the line is full."""
        size = panel.builder.build().grid_pos
        if self.x + size.w > 24:
            self.x, self.y, self.tallest = 0, self.y + self.tallest, 0
        place = model.GridPos(h=size.h, w=size.w, x=self.x, y=self.y)
        self.x += size.w
        self.tallest = max(self.tallest, size.h)
        return place


def _within(of: str, matchers: str) -> str:
    return f"{of[:-1]},{matchers}}}" if of.endswith("}") else f"{of}{{{matchers}}}"


def _label_variable(name: str, label: str, series: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": f"label_values({series}, {name})", "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _timepicker() -> dashboard.TimePicker:
    ranges = [dashboard.TimeOption().display(name).from_val(start).to("now") for start, name in RANGES.items()]
    return dashboard.TimePicker().quick_ranges(ranges).refresh_intervals(["5s", "15s", "1m"])


class Events(model.AnnotationQuery):
    """An annotation query for Prometheus. Each series is an event: the value is its time, and the labels are its text.

    Grafana's Prometheus datasource also reads fields that are missing in the SDK's model: titleFormat, textFormat,
    useValueForTime and step (see ``annotations.ts`` in ``grafana-prometheus``).
    """

    def to_json(self) -> dict[str, object]:
        """Return the JSON for Grafana, including the fields that are missing in the SDK."""
        more = {"titleFormat": "{{kind}}", "textFormat": "{{text}}", "useValueForTime": "on", "step": "5s"}
        return super().to_json() | more


@dataclass(frozen=True)
class _Events:
    """The lab's events of one kind. For each event, the lab pushes its Unix time as ``lab_event``."""

    name: str
    kind: str
    icon_color: str

    def build(self) -> Events:
        """Return the annotation query. It converts the times to milliseconds, which Grafana expects."""
        return Events(
            name=self.name,
            datasource=SOURCE,
            icon_color=self.icon_color,
            expr=f'lab_event{{kind="{self.kind}"}} * 1000',
        )
