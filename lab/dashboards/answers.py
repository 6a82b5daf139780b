"""Prometheus's results for panel and variable queries over a time range."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from grafana.defaults import ALL
from lab.dashboards.model import Dashboard, Target
from lab.dashboards.span import Span
from lab.errors import LabError
from lab.prometheus import Answer, Api

LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),\s*)?(?P<label>\w+)\)")

#: A Unix time and a value. The value is None for a gap, NaN or infinity.
Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """One series: labels, name in the panel, and points."""

    labels: dict[str, str]
    name: str
    points: list[Point]

    @property
    def last(self) -> float | None:
        """The last value that is not None, or None if there is none."""
        return next((value for _, value in reversed(self.points) if value is not None), None)


def all_chosen(dashboard: Dashboard) -> dict[str, str]:
    """Return the initial values of a dashboard's variables: *All* for each variable."""
    return dict.fromkeys(dashboard.variables, ALL)


def ask(api: Api, target: Target, span: Span, chosen: Mapping[str, str]) -> Answer:
    """Run a panel's query on Prometheus for a time range.

    Raises LabError if the query has an unknown variable, or if Prometheus does not respond or rejects the query.
    """
    expr = span.interpolate(target.expr, chosen)
    if target.instant:
        return api.query(expr, span.end)
    return api.query_range(expr, *span.aligned, span.step)


def series(answer: Answer, target: Target, span: Span) -> list[Series]:
    """Return the series in a result, named as in the panel, with a point at every step of the time range.

    Prometheus leaves out steps without data. They are added with the value None, so that lines have gaps there.
    """
    start, end = span.aligned
    steps = [] if target.instant else [start + span.step * place for place in range((end - start) // span.step + 1)]
    found = []
    for each in answer.series:
        labels = {name: value for name, value in each["metric"].items() if name != "__name__"}
        known = {float(at): number(value) for at, value in points(each)}
        drawn = [(float(at), known.get(at)) for at in steps] or list(known.items())
        found.append(Series(labels, _name(target.legend, labels), drawn))
    return found


def values_of(api: Api, query: str, span: Span, chosen: Mapping[str, str]) -> list[str]:
    """Return the values of a dashboard variable whose query is ``label_values(selector, label)``.

    Raises LabError for any other query.
    """
    found = LABEL_VALUES.fullmatch(query)
    if not found:
        raise LabError(f"{query!r} is not a supported variable query: write label_values(selector, label).")
    selector = span.interpolate(found["selector"] or "", chosen)
    return api.label_values(found["label"], selector, span.start, span.end)


def number(value: str) -> float | None:
    """Return a sample value as a number; None for NaN and infinity, which cannot be drawn."""
    parsed = float(value)
    return parsed if math.isfinite(parsed) else None


def points(one: dict) -> list[list]:
    """Return the samples of one series from a range or instant query: pairs of a Unix time and a value as text."""
    return one["values"] if "values" in one else [one["value"]]


def _name(legend: str, labels: Mapping[str, str]) -> str:
    if legend:
        return LABEL.sub(lambda match: labels.get(match[1], ""), legend)
    if not labels:
        return "Value"
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
