"""What all dashboards share: how series are selected, one function a kind of panel, units and thresholds.

A module of this folder names its queries first, then has its panels in rows, and ends in one ``Dashboard``
(``frame.py``). In a query ``$selector`` stands for the namespace, job and instance that the reader chose. Nothing here
names a datasource or a job: both are variables, so that the dashboards show any system with these exporters.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

RUNBOOKS = "docs/runbooks"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: What ``$selector`` stands for in the queries of this folder.
SELECTOR = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'

#: Availability that the shop promises its visitors, and how soon 95 of 100 answers are there.
AVAILABILITY_OBJECTIVE = 0.999
LATENCY_OBJECTIVE_SECONDS = 0.5

# Thresholds, from the value at which each colour begins.
Steps = Sequence[tuple[float | None, str]]
NEUTRAL: Steps = ((None, "blue"),)
NONE_IS_GOOD: Steps = ((None, "green"), (0.000001, "red"))
SLOW: Steps = ((None, "transparent"), (LATENCY_OBJECTIVE_SECONDS, "red"))
UP: Steps = ((None, "red"), (1, "green"))
UP_OR_DOWN = {"0": ("down", "red"), "1": ("up", "green")}
SHARE_USED: Steps = ((None, "green"), (0.7, "orange"), (0.9, "red"))
SHARE_OF_ERRORS: Steps = ((None, "green"), (0.001, "orange"), (0.01, "red"))
SHARE_FOUND: Steps = ((None, "red"), (0.5, "orange"), (0.8, "green"))


def quantile(q: float, buckets: str, by: str = "") -> str:
    """Return a quantile (0 to 1) of a histogram, given by its ``_bucket`` selector; ``by`` is labels as in PromQL."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


def or_zero(events: str, beside: str) -> str:
    """Return ``events``, a total whose series are absent until the first one, as 0 while ``beside`` has a value.

    ``beside`` is a total of the same exporter that is always there, so that nothing is shown when the exporter is away.
    """
    return f"({events} or 0 * {beside})"


def or_none(events: str, label: str, beside: str) -> str:
    """Return ``events`` by a label, and until there is a first one a 0 called none while ``beside`` has a value."""
    return f'{events} or on () label_replace(0 * {beside}, "{label}", "none", "", "")'


@dataclass(frozen=True)
class Query:
    """One PromQL expression of a panel and what its series are called, ``{{label}}`` being a label's value."""

    expr: str
    legend: str = ""
    #: The answer at the end of the range only, instead of its course.
    instant: bool = False

    def build(self, letter: str, form: PromQueryFormat) -> prometheus.Dataquery:
        """Return Grafana's query with this letter."""
        expr = self.expr.replace("$selector", SELECTOR)
        built = prometheus.Dataquery().expr(expr).ref_id(letter).format(form).datasource(SOURCE)
        if self.legend:
            built = built.legend_format(self.legend)
        return built.instant() if self.instant else built.range()


def quantiles(buckets: str) -> tuple[Query, ...]:
    """Return the queries of the median, the 95th and the 99th percentile of a histogram."""
    return tuple(Query(quantile(q, buckets), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


@dataclass(frozen=True)
class Panel:
    """A panel and what the lab must know of it.

    ``needs`` names what a runtime must have for it (``postgres``, ``redis``, ``grafana``). ``empty_until`` names the
    drill before which it has nothing to show, because what it counts has never happened.
    """

    builder: Any
    needs: tuple[str, ...] = ()
    empty_until: str = ""


class Frame(TypedDict, total=False):
    """What each kind of panel takes besides: its size in Grafana's grid (24 columns, rows of 30 pixels), its needs.

    ``runbook`` is the name of the alert on what it shows: the description ends with where its runbook is.
    """

    width: int
    height: int
    needs: Sequence[str]
    empty_until: str
    runbook: str


def course(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    stacked: bool = False,
    least: float | None = 0,
    most: float | None = None,
    steps: Steps = (),
    calcs: Sequence[str] = (),
    overrides: dict[str, dict[str, object]] | None = None,
    **frame: Unpack[Frame],
) -> Panel:
    """Return a panel of lines over time.

    ``steps`` are drawn as lines at their values. ``calcs`` (``max``, ``mean``, ``lastNotNull``) turn the legend into a
    table. ``overrides`` are field options by series name, as ``{"limit": {"color": …}}``.
    """
    legend = common.VizLegendOptions().show_legend(True).placement(common_model.LegendPlacement.BOTTOM)
    if calcs:
        legend = legend.display_mode(common_model.LegendDisplayMode.TABLE).calcs(list(calcs))
    else:
        legend = legend.display_mode(common_model.LegendDisplayMode.LIST).calcs([])
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(60 if stacked else 8)
        .show_points(common_model.VisibilityMode.NEVER)
        .legend(legend)
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL).group("A"))
    if steps:
        panel = panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED)
        )
    return _panel(
        panel, title, unit, description, queries, least=least, most=most, steps=steps, overrides=overrides, **frame
    )


def figure(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    steps: Steps = NEUTRAL,
    texts: dict[str, tuple[str, str]] | None = None,
    sparkline: bool = True,
    decimals: int | None = None,
    **frame: Unpack[Frame],
) -> Panel:
    """Return a panel of single values. ``texts`` maps a value to a word and its colour: ``{"1": ("up", "green")}``.

    ``decimals`` is for a value whose difference from a limit is smaller than what Grafana shows by itself.
    """
    panel = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .color_mode(common_model.BigValueColorMode.VALUE)
        .graph_mode(common_model.BigValueGraphMode.AREA if sparkline else common_model.BigValueGraphMode.NONE)
        .text_mode(common_model.BigValueTextMode.AUTO)
    )
    if texts:
        panel = panel.mappings([_value_map(texts)])
    if not sparkline:
        # The last value of a course stays for as long as the time shown, also when its exporter is long away.
        queries = tuple(replace(query, instant=True) for query in queries)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _panel(panel, title, unit, description, queries, steps=steps, **{"width": 4, "height": 4, **frame})


def bars(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    most: float | None = None,
    steps: Steps = NEUTRAL,
    **frame: Unpack[Frame],
) -> Panel:
    """Return a panel of one horizontal bar a series, by the last value of each."""
    panel = (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
    )
    return _panel(panel, title, unit, description, queries, least=0, most=most, steps=steps, **frame)


def heat(
    title: str,
    unit: str,
    description: str,
    buckets: str,
    *,
    cells: str = "reqps",
    **frame: Unpack[Frame],
) -> Panel:
    """Return a heatmap of a classic histogram, given by its ``_bucket`` selector: observations a second by bucket.

    ``unit`` is that of the buckets, ``cells`` that of what is counted in them.
    """
    query = Query(f"sum by (le) (rate({buckets}[$__rate_interval]))", "{{le}}")
    panel = (
        heatmap.Panel()
        .calculate(False)
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(common_model.AxisPlacement.LEFT))
        .cell_values(heatmap.CellValues().unit(cells))
        .show_legend()
        .mode(common_model.TooltipDisplayMode.SINGLE)
    )
    form = PromQueryFormat.HEATMAP
    return _panel(panel, title, cells, description, [query], form=form, **frame)


@dataclass(frozen=True)
class Column:
    """One column of a table: the label it shows, or the letter of the query whose value it shows (``#A``)."""

    source: str
    title: str
    unit: str = ""
    steps: Steps = ()
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


def listing(
    title: str,
    description: str,
    columns: Sequence[Column],
    *queries: Query,
    **frame: Unpack[Frame],
) -> Panel:
    """Return a table of the queries' answers at the end of the range, joined by the labels that they share.

    Columns stand in the order given and all else is left out. A query's value is the column ``#A``, ``#B`` ….
    """
    names = {_field(column.source, len(queries)): column for column in columns}
    panel = (
        table.Panel()
        .cell_height(common_model.TableCellHeight.SM)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(names)}})
        )
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "indexByName": {name: place for place, name in enumerate(names)},
                    "renameByName": {name: column.title for name, column in names.items()},
                    "excludeByName": {},
                },
            )
        )
    )
    overrides = {column.title: _column_options(column) for column in columns}
    at_end = [Query(query.expr, query.legend, instant=True) for query in queries]
    return _panel(
        panel,
        title,
        "short",
        description,
        at_end,
        overrides={name: options for name, options in overrides.items() if options},
        form=PromQueryFormat.TABLE,
        **{"width": 24, **frame},
    )


def _field(source: str, queries: int) -> str:
    """Return what Grafana calls a table's column: one query's value is ``Value``, of several ``Value #A``."""
    if not source.startswith("#"):
        return source
    return f"Value {source}" if queries > 1 else "Value"


def _column_options(column: Column) -> dict[str, object]:
    options: dict[str, object] = {}
    if column.unit:
        options["unit"] = column.unit
    if column.texts:
        options["mappings"] = [_value_map(column.texts)]
    if column.steps:
        options["thresholds"] = _thresholds(column.steps).build()
    if column.steps or column.texts:
        options["custom.cellOptions"] = {"type": "color-text"}
    return options


def _panel(
    panel,
    title: str,
    unit: str,
    description: str,
    queries: Sequence[Query],
    *,
    least: float | None = None,
    most: float | None = None,
    steps: Steps = (),
    overrides: dict[str, dict[str, object]] | None = None,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
    width: int = 8,
    height: int = 8,
    needs: Sequence[str] = (),
    empty_until: str = "",
    runbook: str = "",
) -> Panel:
    panel = (
        panel.title(title)
        .description(f"{description} Runbook: {RUNBOOKS}/{runbook}.md." if runbook else description)
        .datasource(SOURCE)
        .unit(unit)
        .grid_pos(model.GridPos(h=height, w=width, x=0, y=0))
    )
    if least is not None:
        panel = panel.min(least)
    if most is not None:
        panel = panel.max(most)
    if steps:
        panel = panel.thresholds(_thresholds(steps))
    for name, options in (overrides or {}).items():
        panel = panel.override_by_name(
            name, [model.DynamicConfigValue(id_val=key, value=value) for key, value in options.items()]
        )
    for letter, query in zip(string.ascii_uppercase[: len(queries)], queries, strict=True):
        panel = panel.with_target(query.build(letter, form))
    return Panel(panel, tuple(needs), empty_until)


def color(name: str) -> dict[str, object]:
    """Return a field option that gives a series a fixed colour."""
    return {"color": {"mode": "fixed", "fixedColor": name}}


#: Field options of a series that is a limit rather than a measurement.
LIMIT = color("red") | {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}, "custom.fillOpacity": 0}


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=name) for value, name in steps])
    )


def _value_map(texts: dict[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=name, index=place)
            for place, (value, (text, name)) in enumerate(texts.items())
        }
    )
