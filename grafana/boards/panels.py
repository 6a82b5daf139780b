"""Functions that build panels, one for each panel type. Their names are the same as in Grafana's SDK."""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, Unpack

from grafana_foundation_sdk.builders import bargauge, common, dashboard
from grafana_foundation_sdk.builders import heatmap as heatmap_builder
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.builders import table as table_builder
from grafana_foundation_sdk.builders import timeseries as timeseries_builder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.boards.queries import SOURCE, Query
from grafana.boards.thresholds import NEUTRAL, Thresholds

RUNBOOKS = "docs/runbooks"
#: Text and colour for the values 0 and 1 of metrics such as ``up``.
UP_OR_DOWN = {"0": ("down", "red"), "1": ("up", "green")}


def color(name: str) -> dict[str, object]:
    """Return the field option for a fixed series colour."""
    return {"color": {"mode": "fixed", "fixedColor": name}}


#: Field options for a series that shows a limit rather than a measurement.
LIMIT = color("red") | {"custom.lineStyle": {"fill": "dash", "dash": [6, 6]}, "custom.fillOpacity": 0}


@dataclass(frozen=True)
class Panel:
    """A panel, and what the lab must know to check that it shows data.

    ``needs`` lists the services that the runtime must have (``postgres``, ``redis``, ``grafana``). If a panel counts
    something that has never happened before, ``empty_until`` names the drill that produces its first data.
    """

    builder: Any
    needs: tuple[str, ...] = ()
    empty_until: str = ""


class PanelOptions(TypedDict, total=False):
    """Options for every panel type: the size in Grafana's grid (24 columns, rows of 30 pixels) and ``Panel``'s fields.

    ``runbook`` is the name of a runbook without ``.md``. The runbook's path is added to the panel description.
    """

    width: int
    height: int
    needs: Sequence[str]
    empty_until: str
    runbook: str


def timeseries(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    stacked: bool = False,
    min: float | None = 0,
    max: float | None = None,
    thresholds: Thresholds = (),
    calcs: Sequence[str] = (),
    overrides: dict[str, dict[str, object]] | None = None,
    **options: Unpack[PanelOptions],
) -> Panel:
    """Return a time series panel.

    ``thresholds`` are drawn as lines. If ``calcs`` are given (``max``, ``mean``, ``lastNotNull``), the legend is a
    table of these values. ``overrides`` are field options by series name, such as ``{"limit": {"color": …}}``.
    """
    legend = common.VizLegendOptions().show_legend(True).placement(common_model.LegendPlacement.BOTTOM)
    if calcs:
        legend = legend.display_mode(common_model.LegendDisplayMode.TABLE).calcs(list(calcs))
    else:
        legend = legend.display_mode(common_model.LegendDisplayMode.LIST).calcs([])
    panel = (
        timeseries_builder.Panel()
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
    if thresholds:
        panel = panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED)
        )
    return _panel(
        panel,
        title,
        unit,
        description,
        queries,
        min=min,
        max=max,
        thresholds=thresholds,
        overrides=overrides,
        **options,
    )


def stat(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    thresholds: Thresholds = NEUTRAL,
    mappings: dict[str, tuple[str, str]] | None = None,
    sparkline: bool = True,
    decimals: int | None = None,
    **options: Unpack[PanelOptions],
) -> Panel:
    """Return a stat panel. ``mappings`` maps a value to a text and a colour: ``{"1": ("up", "green")}``.

    Set ``decimals`` if the value is closer to its threshold than Grafana shows by default.
    """
    panel = (
        stat_builder.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .color_mode(common_model.BigValueColorMode.VALUE)
        .graph_mode(common_model.BigValueGraphMode.AREA if sparkline else common_model.BigValueGraphMode.NONE)
        .text_mode(common_model.BigValueTextMode.AUTO)
    )
    if mappings:
        panel = panel.mappings([_value_map(mappings)])
    if not sparkline:
        # With a range query, the last value would stay on display for the whole time range, even if the exporter is
        # down.
        queries = tuple(replace(query, instant=True) for query in queries)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _panel(
        panel, title, unit, description, queries, thresholds=thresholds, **{"width": 4, "height": 4, **options}
    )


def bar_gauge(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    max: float | None = None,
    thresholds: Thresholds = NEUTRAL,
    **options: Unpack[PanelOptions],
) -> Panel:
    """Return a panel with a horizontal bar for the last value of each series."""
    panel = (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .show_unfilled(True)
    )
    return _panel(panel, title, unit, description, queries, min=0, max=max, thresholds=thresholds, **options)


def heatmap(
    title: str,
    unit: str,
    description: str,
    buckets: str,
    *,
    cells: str = "reqps",
    **options: Unpack[PanelOptions],
) -> Panel:
    """Return a heatmap of a classic histogram: observations per second by bucket.

    ``buckets`` is the selector for the histogram's ``_bucket`` series, ``unit`` is the unit of the bucket bounds, and
    ``cells`` is the unit of the rate shown in each cell.
    """
    query = Query(f"sum by (le) (rate({buckets}[$__rate_interval]))", "{{le}}")
    panel = (
        heatmap_builder.Panel()
        .calculate(False)
        .color(
            heatmap_builder.HeatmapColorOptions()
            .mode(heatmap_model.HeatmapColorMode.SCHEME)
            .scheme("Blues")
            .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap_builder.YAxisConfig().unit(unit).axis_placement(common_model.AxisPlacement.LEFT))
        .cell_values(heatmap_builder.CellValues().unit(cells))
        .show_legend()
        .mode(common_model.TooltipDisplayMode.SINGLE)
    )
    form = PromQueryFormat.HEATMAP
    return _panel(panel, title, cells, description, [query], form=form, **options)


@dataclass(frozen=True)
class Column:
    """A table column. ``source`` is a label, or the letter of the query whose value the column shows (``#A``)."""

    source: str
    title: str
    unit: str = ""
    thresholds: Thresholds = ()
    mappings: dict[str, tuple[str, str]] = field(default_factory=dict)


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *queries: Query,
    **options: Unpack[PanelOptions],
) -> Panel:
    """Return a table of the query results at the end of the time range, joined by their common labels.

    The table has only the given columns, in this order. The query values are the columns ``#A``, ``#B`` ….
    """
    names = {_field(column.source, len(queries)): column for column in columns}
    panel = (
        table_builder.Panel()
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
        **{"width": 24, **options},
    )


def _field(source: str, queries: int) -> str:
    """Return Grafana's name for a column. A query's value is ``Value``, or ``Value #A`` if there is more than one."""
    if not source.startswith("#"):
        return source
    return f"Value {source}" if queries > 1 else "Value"


def _column_options(column: Column) -> dict[str, object]:
    options: dict[str, object] = {}
    if column.unit:
        options["unit"] = column.unit
    if column.mappings:
        options["mappings"] = [_value_map(column.mappings)]
    if column.thresholds:
        options["thresholds"] = _thresholds(column.thresholds).build()
    if column.thresholds or column.mappings:
        options["custom.cellOptions"] = {"type": "color-text"}
    return options


def _panel(
    panel,
    title: str,
    unit: str,
    description: str,
    queries: Sequence[Query],
    *,
    min: float | None = None,
    max: float | None = None,
    thresholds: Thresholds = (),
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
    if min is not None:
        panel = panel.min(min)
    if max is not None:
        panel = panel.max(max)
    if thresholds:
        panel = panel.thresholds(_thresholds(thresholds))
    for name, options in (overrides or {}).items():
        panel = panel.override_by_name(
            name, [model.DynamicConfigValue(id_val=key, value=value) for key, value in options.items()]
        )
    for letter, query in zip(string.ascii_uppercase[: len(queries)], queries, strict=True):
        panel = panel.with_target(query.build(letter, form))
    return Panel(panel, tuple(needs), empty_until)


def _thresholds(thresholds: Thresholds) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=name) for value, name in thresholds])
    )


def _value_map(mappings: dict[str, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, color=name, index=place)
            for place, (value, (text, name)) in enumerate(mappings.items())
        }
    )
