"""What Prometheus answers to a panel's queries over a span of time."""

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

#: Unix time and value; None where there is none, or no number.
Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """One line: its labels, what the panel calls it, and its points."""

    labels: dict[str, str]
    name: str
    points: list[Point]

    @property
    def last(self) -> float | None:
        """Its last value that is a number."""
        return next((value for _, value in reversed(self.points) if value is not None), None)


def all_chosen(dashboard: Dashboard) -> dict[str, str]:
    """Return what a dashboard's variables stand for as it opens: all of each."""
    return dict.fromkeys(dashboard.variables, ALL)


def ask(api: Api, target: Target, span: Span, chosen: Mapping[str, str]) -> Answer:
    """Return Prometheus's answer to a query. Raises LabError as ``Span.interpolate`` and ``Api`` do."""
    expr = span.interpolate(target.expr, chosen)
    if target.instant:
        return api.query(expr, span.end)
    return api.query_range(expr, *span.aligned, span.step)


def series(answer: Answer, target: Target, span: Span) -> list[Series]:
    """Return an answer's series as the panel names them, with a point at every step of the span.

    Prometheus leaves out the points of a time in which there was none; to a line that would be no gap.
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
    """Return what a variable's ``label_values(selector, label)`` offers; raises LabError for any other form."""
    found = LABEL_VALUES.fullmatch(query)
    if not found:
        raise LabError(f"{query!r} is no query of a variable that is known here: write label_values(selector, label).")
    selector = span.interpolate(found["selector"] or "", chosen)
    return api.label_values(found["label"], selector, span.start, span.end)


def number(value: str) -> float | None:
    """Return a sample's value; None when it is NaN or infinite, which nobody can draw."""
    parsed = float(value)
    return parsed if math.isfinite(parsed) else None


def points(one: dict) -> list[list]:
    """Return the samples of one series of an answer, of a range or of a moment: unix times and values as text."""
    return one["values"] if "values" in one else [one["value"]]


def _name(legend: str, labels: Mapping[str, str]) -> str:
    if legend:
        return LABEL.sub(lambda match: labels.get(match[1], ""), legend)
    if not labels:
        return "Value"
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
