"""Grafana's tables: join the results of instant queries, and apply Grafana's transformations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.dashboards.answers import Series

#: One cell: a label, or a value.
Cell = str | float | None


@dataclass(frozen=True)
class Frame:
    """The result of a query, and the query's letter."""

    letter: str
    series: list[Series]


@dataclass(frozen=True)
class Table:
    """Rows of cells under named columns."""

    columns: list[str]
    rows: list[list[Cell]]


def transformed(frames: Sequence[Frame], transformations: Sequence[Mapping]) -> Table:
    """Return the results as one table, with the transformations applied in order."""
    table = merged(frames)
    for each in transformations:
        table = TRANSFORMATIONS[each["id"]](table, each.get("options") or {})
    return table


def merged(frames: Sequence[Frame]) -> Table:
    """Return the results as one table. Results of several queries are joined by the labels that all of them have.

    As in Grafana, the values of a single query are in the column ``Value``. With several queries, the columns are
    ``Value #A``, ``Value #B`` ….
    """
    values = [f"Value #{frame.letter}" for frame in frames] if len(frames) > 1 else ["Value"]
    shared = _shared_labels(frames)
    joined: dict[tuple, dict[str, Cell]] = {}
    for value, frame in zip(values, frames, strict=True):
        for series in frame.series:
            row = joined.setdefault(tuple(series.labels.get(name, "") for name in shared), {})
            row.update(series.labels)
            row[value] = series.last
    labels = dict.fromkeys(name for row in joined.values() for name in row if name not in values)
    columns = [*labels, *values]
    return Table(columns, [[row.get(name) for name in columns] for row in joined.values()])


def _shared_labels(frames: Sequence[Frame]) -> list[str]:
    """Return the labels to join by.

    These are the common labels, or all labels if two series of one query would otherwise share a row.
    """
    of_each = [set().union(*(series.labels for series in frame.series)) for frame in frames if frame.series]
    shared = sorted(set.intersection(*of_each)) if of_each else []
    for frame in frames:
        rows = [tuple(series.labels.get(name, "") for name in shared) for series in frame.series]
        if len(set(rows)) < len(rows):
            return sorted(set.union(*of_each))
    return shared


def _merge(table: Table, options: Mapping) -> Table:
    """Return the table unchanged, because results are always merged."""
    return table


def _filter_by_name(table: Table, options: Mapping) -> Table:
    names = options.get("include", {}).get("names", table.columns)
    return _chosen(table, [name for name in table.columns if name in names])


def _organize(table: Table, options: Mapping) -> Table:
    excluded = options.get("excludeByName") or {}
    places = options.get("indexByName") or {}
    kept = [name for name in table.columns if not excluded.get(name)]
    ordered = _chosen(table, sorted(kept, key=lambda name: places.get(name, len(places))))
    renamed = options.get("renameByName") or {}
    return Table([renamed.get(name) or name for name in ordered.columns], ordered.rows)


def _chosen(table: Table, columns: list[str]) -> Table:
    places = [table.columns.index(name) for name in columns]
    return Table(columns, [[row[place] for place in places] for row in table.rows])


TRANSFORMATIONS = {"merge": _merge, "filterFieldsByName": _filter_by_name, "organize": _organize}
