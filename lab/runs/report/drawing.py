"""Dashboards as data for the page's script: each panel's options and its results from Prometheus."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from lab.dashboards import answers
from lab.dashboards.answers import Series
from lab.dashboards.model import Dashboard, Panel, Row, Target
from lab.dashboards.span import Span
from lab.errors import LabError
from lab.prometheus import Api
from lab.runs.report import tables
from lab.runs.report.tables import Frame

KNOWN_TYPES = ("timeseries", "stat", "gauge", "bargauge", "table", "heatmap")

#: The supported overrides for a series, and for a table column.
OF_A_SERIES = {
    *("unit", "color", "custom.axisPlacement", "custom.hideFrom", "custom.drawStyle", "custom.lineStyle"),
    *("custom.fillOpacity", "custom.stacking"),
}
OF_A_COLUMN = {"unit", "decimals", "mappings", "thresholds", "custom.cellOptions"}

#: A panel, a result, or a part of either, in the form that the page's script reads.
Drawn = dict[str, Any]


class Unknown(LabError):
    """A panel uses a feature that is not supported here."""


def dashboard(api: Api, shown: Dashboard, spans: Sequence[Span], provides: Set[str]) -> Drawn:
    """Return a dashboard with the results of all panels for each time range."""
    chosen = answers.all_chosen(shown)

    def drawn(panel: Panel) -> Drawn:
        found, problem = form(shown, panel, spans[0], chosen)
        return {**found, "results": [problem or result(api, panel, span, chosen, provides) for span in spans]}

    return outline(shown, drawn)


def outline(shown: Dashboard, drawn: Callable[[Panel], Drawn]) -> Drawn:
    """Return a dashboard with the result of calling ``drawn`` for each panel."""

    def row(of: Row) -> Drawn:
        return {"title": of.title, "panels": [drawn(panel) for panel in of.panels]}

    return {
        "uid": shown.uid,
        "title": shown.title,
        "description": shown.description,
        "rows": [row(each) for each in shown.rows],
    }


def form(shown: Dashboard, panel: Panel, span: Span, chosen: Mapping[str, str]) -> tuple[Drawn, Drawn | None]:
    """Return a panel's options and queries and, if an option is not supported here, the result that says so."""
    problem = None
    try:
        found = _asked_for(shown, panel)
    except Unknown as error:
        found = _asked_for(shown, _plain(panel))
        problem = {"state": "unknown", "message": str(error)}
    queries = [{"expr": _readable(target, span, chosen), "legend": target.legend} for target in panel.targets]
    return {**found, "queries": queries}, problem


def result(api: Api, panel: Panel, span: Span, chosen: Mapping[str, str], provides: Set[str]) -> Drawn:
    """Return a panel's result for a time range: its data, or the reason why there is none."""
    if missing := set(panel.needs) - provides:
        return {"state": "absent", "message": f"This runtime has no {' and no '.join(sorted(missing))}."}
    try:
        content = _content(api, panel, span, chosen)
    except Unknown as error:
        return {"state": "unknown", "message": str(error)}
    except LabError as error:
        return {"state": "failed", "message": str(error)}
    if content is None:
        why = f"Empty until {panel.empty_until}." if panel.empty_until else "No data in this time range."
        return {"state": "empty", "message": why}
    return {"state": "ok", "message": "", **content}


def _content(api: Api, panel: Panel, span: Span, chosen: Mapping[str, str]) -> Drawn | None:
    if panel.type not in KNOWN_TYPES:
        raise Unknown(f"Panels of type {panel.type} are not supported.")
    frames = []
    for target in panel.targets:
        answer = answers.ask(api, target, span, chosen)
        frames.append(Frame(target.letter, answers.series(answer, target, span)))
    transformations = panel.json.get("transformations") or []
    if panel.type == "table":
        return _table(panel, frames, transformations)
    if transformations:
        raise Unknown(f"The transformation {transformations[0]['id']} is not supported in {panel.type} panels.")
    lines = [series for frame in frames for series in frame.series]
    if not any(series.last is not None for series in lines):
        return None
    if panel.type == "timeseries":
        return {"series": [{"name": series.name, "points": series.points} for series in lines]}
    if panel.type == "heatmap":
        return {"heatmap": _heatmap(panel, lines)}
    return {"values": [_value(panel, series) for series in lines]}


def _table(panel: Panel, frames: Sequence[Frame], transformations: Sequence[Mapping]) -> Drawn | None:
    for each in transformations:
        if each["id"] not in tables.TRANSFORMATIONS:
            raise Unknown(f"The transformation {each['id']} is not supported.")
    table = tables.transformed(frames, transformations)
    if not table.rows:
        return None
    columns = [{"name": name, **_column(panel, name)} for name in table.columns]
    return {"table": {"columns": columns, "rows": table.rows}}


def _value(panel: Panel, series: Series) -> Drawn:
    calc = (_options(panel).get("reduceOptions", {}).get("calcs") or ["lastNotNull"])[0]
    spark = series.points if _options(panel).get("graphMode") == "area" and len(series.points) > 1 else []
    return {"name": series.name, "value": _reduced(series, calc), "spark": spark}


def _reduced(series: Series, calc: str) -> float | None:
    numbers = [value for _, value in series.points if value is not None]
    if calc == "last":
        return series.points[-1][1]
    if not numbers:
        return None
    known = {
        "lastNotNull": lambda: numbers[-1],
        "firstNotNull": lambda: numbers[0],
        "max": lambda: max(numbers),
        "min": lambda: min(numbers),
        "sum": lambda: sum(numbers),
        "mean": lambda: sum(numbers) / len(numbers),
    }
    if calc not in known:
        raise Unknown(f"The reduction {calc} is not supported.")
    return known[calc]()


def _heatmap(panel: Panel, lines: Sequence[Series]) -> Drawn:
    """Return the cells of a classic histogram. Each cell is the number of observations in one bucket alone."""
    if not all("le" in series.labels for series in lines):
        raise Unknown("Heatmaps are only supported for classic histograms, which have an le label.")
    buckets = sorted(lines, key=lambda series: float(series.labels["le"]))
    times = sorted({at for series in buckets for at, _ in series.points})
    places = {at: place for place, at in enumerate(times)}
    cells = []
    below: dict[float, float] = {}
    for place, series in enumerate(buckets):
        for at, value in series.points:
            if value is None:
                continue
            if alone := max(value - below.get(at, 0), 0):
                cells.append([places[at], place, alone])
            below[at] = value
    return {
        "times": times,
        "buckets": [series.labels["le"] for series in buckets],
        "cells": cells,
        "unit": _options(panel).get("yAxis", {}).get("unit", ""),
    }


def _readable(target: Target, span: Span, chosen: Mapping[str, str]) -> str:
    """Return a query with its variables filled in, or unchanged if one of them is unknown."""
    try:
        return span.interpolate(target.expr, chosen)
    except LabError:
        return target.expr


def _plain(panel: Panel) -> Panel:
    """Return a panel with only its size, description and queries, and without any options."""
    kept = {name: panel.json[name] for name in ("gridPos", "description", "targets") if name in panel.json}
    return replace(panel, json=kept)


def _asked_for(shown: Dashboard, panel: Panel) -> Drawn:
    """Return the options of a panel; raises Unknown if one is not supported."""
    content = panel.json
    defaults = content.get("fieldConfig", {}).get("defaults", {})
    custom = defaults.get("custom", {})
    options = _options(panel)
    color = defaults.get("color", {})
    return {
        "key": f"{shown.uid}-{panel.id}",
        "title": panel.title,
        "description": content.get("description", ""),
        "type": panel.type,
        "grid": {"w": content["gridPos"]["w"], "h": content["gridPos"]["h"]},
        **_field(defaults),
        "min": defaults.get("min"),
        "max": defaults.get("max"),
        "thresholds_style": custom.get("thresholdsStyle", {}).get("mode", "off"),
        "color_mode": color.get("mode", "thresholds" if panel.type != "timeseries" else "palette-classic"),
        "fixed_color": color.get("fixedColor"),
        "stacked": custom.get("stacking", {}).get("mode", "none") != "none",
        "fill": custom.get("fillOpacity", 0),
        "draw": custom.get("drawStyle", "line"),
        "log": custom.get("scaleDistribution", {}).get("type") == "log",
        "step": str(custom.get("lineInterpolation", "")).startswith("step"),
        "legend": _legend(options.get("legend", {})),
        "text_mode": options.get("textMode", "auto"),
        "orientation": options.get("orientation", "auto"),
        "links": [{"title": each["title"], "url": each.get("url", "")} for each in content.get("links") or []],
        "overrides": [
            _override(each, table=panel.type == "table") for each in content.get("fieldConfig", {}).get("overrides", [])
        ],
    }


def _field(options: Mapping) -> Drawn:
    """Return the field options that apply to values."""
    return {
        "unit": options.get("unit", ""),
        "decimals": options.get("decimals"),
        "thresholds": options.get("thresholds", {}).get("steps", []),
        "mappings": [mapping for each in options.get("mappings") or [] for mapping in _mappings(each)],
    }


def _mappings(one: Mapping) -> list[Drawn]:
    options = one["options"]
    if one["type"] == "value":
        return [_mapping(result, value=value) for value, result in options.items()]
    if one["type"] == "range":
        return [_mapping(options["result"], lower=options.get("from"), upper=options.get("to"))]
    if one["type"] == "special" and options["match"] in ("null", "null+nan", "nan", "empty"):
        return [_mapping(options["result"])]
    raise Unknown(f"Value mappings of type {one['type']} are not supported.")


def _mapping(found: Mapping, value: str | None = None, lower: float | None = None, upper: float | None = None) -> Drawn:
    return {"value": value, "from": lower, "to": upper, "text": found.get("text", ""), "color": found.get("color")}


def _legend(legend: Mapping) -> Drawn:
    return {
        "show": legend.get("showLegend", True),
        "mode": legend.get("displayMode", "list"),
        "placement": legend.get("placement", "bottom"),
        "calcs": legend.get("calcs", []),
    }


def _override(one: Mapping, *, table: bool) -> Drawn:
    properties = {each["id"]: each["value"] for each in one["properties"]}
    if one["matcher"]["id"] not in ("byName", "byRegexp"):
        raise Unknown(f"Overrides with the matcher {one['matcher']['id']} are not supported.")
    if strange := properties.keys() - (OF_A_COLUMN if table else OF_A_SERIES):
        raise Unknown(f"Overrides of {', '.join(sorted(strange))} are not supported.")
    name = one["matcher"]["options"]
    return {
        "name": f"/{name}/" if one["matcher"]["id"] == "byRegexp" else name,
        "unit": properties.get("unit"),
        "color": properties.get("color", {}).get("fixedColor"),
        "axis": properties.get("custom.axisPlacement"),
        "hidden": properties.get("custom.hideFrom", {}).get("viz", False),
        "draw": properties.get("custom.drawStyle"),
        "dashed": properties.get("custom.lineStyle", {}).get("fill") == "dash",
        "fill": properties.get("custom.fillOpacity"),
        "unstacked": properties.get("custom.stacking", {}).get("mode") == "none",
    }


def _column(panel: Panel, name: str) -> Drawn:
    """Return the options of a table column: the panel's defaults and this column's overrides."""
    defaults = panel.json.get("fieldConfig", {}).get("defaults", {})
    overrides = {
        each["id"]: each["value"]
        for override in panel.json.get("fieldConfig", {}).get("overrides", [])
        if override["matcher"] == {"id": "byName", "options": name}
        for each in override["properties"]
    }
    kind = overrides.get("custom.cellOptions", {}).get("type", "auto")
    modes = {"color-text": "text", "color-background": "cell", "gauge": "gauge"}
    return {**_field({**defaults, **overrides}), "color_mode": modes.get(kind, "none")}


def _options(panel: Panel) -> Mapping:
    return panel.json.get("options") or {}
