"""Read and check the tables in ``prometheus/alerts.yaml`` and ``prometheus/objectives.yaml``."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from string import Template

import yaml

from lab import times
from lab.errors import LabError
from lab.paths import ROOT

ALERTS = ROOT / "prometheus" / "alerts.yaml"
OBJECTIVES = ROOT / "prometheus" / "objectives.yaml"
SEVERITIES = ("page", "ticket")

#: For each unit: the Prometheus template for the value in an alert text, and a function that formats the threshold. The
#: template function humanize turns 0.2 into "200m" and 20001 into "20k", so it is only used for bytes.
UNITS: dict[str, tuple[str, Callable[[float], str]]] = {
    "share": ("{{ $value | humanizePercentage }}", lambda value: f"{value * 100:.3g}%"),
    "seconds": ("{{ $value | humanizeDuration }}", times.in_words),
    "per_second": ('{{ $value | printf "%.3g" }}/s', lambda value: f"{value:g}/s"),
    "bytes": ("{{ $value | humanize }}B", lambda value: f"{value / 1e6:g}MB"),
    "count": ('{{ $value | printf "%.0f" }}', lambda value: f"{value:,.0f}"),
}
NUMBER = ((int, float), "a number")
#: The types of the fields that are not text.
KINDS = {"target": NUMBER, "threshold": NUMBER, "within": NUMBER, "needs": (list, "a list")}


@dataclass(frozen=True)
class Alert:
    """One alert. The comment at the top of ``alerts.yaml`` explains the fields; ``hold`` is the field ``for``."""

    alert: str
    severity: str
    expr: str
    hold: str
    summary: str
    description: str
    dashboard: str
    window: str = ""
    threshold: float | None = None
    unit: str = ""
    needs: tuple[str, ...] = ()
    keep: str = ""


@dataclass(frozen=True)
class Objective:
    """One objective. The comment at the top of ``objectives.yaml`` explains the fields."""

    objective: str
    promise: str
    target: float
    total: str
    bad: str
    dashboard: str
    within: float | None = None

    @property
    def budget(self) -> float:
        """The error budget: the share of events that may be bad."""
        return round(1 - self.target, 9)

    @property
    def share(self) -> str:
        """The target in words: ``95 of 100``, ``999 of 1,000``."""
        digits = max(2, len(f"{self.target:.9f}".rstrip("0")) - 2)
        return f"{self.target * 10**digits:,.0f} of {10**digits:,}"

    @property
    def name(self) -> str:
        """The prefix of the alert names: ``ShoppingLatency`` for ``shopping-latency``."""
        return "".join(word.capitalize() for word in self.objective.split("-"))


def alerts(path: Path = ALERTS) -> list[Alert]:
    """Return the alerts. If a row is invalid, raises a LabError that names it."""
    found = [
        _row(path, {("hold" if name == "for" else name): value for name, value in row.items()}, Alert, "alert")
        for row in _rows(path)
    ]
    _refuse_twice(path, [each.alert for each in found])
    for each in found:
        _check(path, each)
    return found


def objectives(path: Path = OBJECTIVES) -> list[Objective]:
    """Return the objectives. If a row is invalid, raises a LabError that names it."""
    found = [_row(path, row, Objective, "objective") for row in _rows(path)]
    _refuse_twice(path, [each.objective for each in found])
    for each in found:
        if not 0 < each.target < 1:
            raise LabError(f"{path.name}: the target of {each.objective} is {each.target}: it must be between 0 and 1.")
        for field, expr in (("total", each.total), ("bad", each.bad)):
            if "$window" not in expr:
                raise LabError(f"{path.name}: the expression {field} of {each.objective} does not use $window.")
        if (each.within is None) == ("$le" in each.bad):
            raise LabError(f"{path.name}: {each.objective} must either set within and use $le in bad, or do neither.")
    return [_filled_in(each) for each in found]


def _filled_in(one: Objective) -> Objective:
    """Fill in the numbers in an objective's promise and expressions, and leave ``$window`` as it is."""
    values = {"target": f"{one.target * 100:.9g}%"}
    if one.within is not None:
        # For a whole number, the bucket's label is 1 or 1.0, depending on the client library.
        whole = one.within == int(one.within)
        values |= {
            "within": f"{one.within:g}",
            "le": f'le=~"{one.within:.0f}|{one.within:.1f}"' if whole else f'le="{one.within:g}"',
        }
    texts = {name: Template(getattr(one, name)).safe_substitute(values) for name in ("promise", "total", "bad")}
    return replace(one, **texts)


def _rows(path: Path) -> list[dict]:
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LabError(f"{path.name} must be a list of mappings.")
    return rows


def _row(path: Path, row: dict, kind: type, key: str):
    name = row.get(key, "a row without a name")
    known = {each.name: each for each in fields(kind)}
    if unknown := row.keys() - known.keys():
        raise LabError(f"{path.name}: {name} has unknown fields: {', '.join(sorted(map(str, unknown)))}.")
    needed = {each.name for each in known.values() if each.default is MISSING}
    if missing := needed - row.keys():
        written = sorted("for" if each == "hold" else each for each in missing)
        raise LabError(f"{path.name}: {name} is missing the field {', '.join(written)}.")
    for field, value in row.items():
        kinds, word = KINDS.get(field, (str, "text"))
        if not isinstance(value, kinds) or isinstance(value, bool):
            written = "for" if field == "hold" else field
            raise LabError(f"{path.name}: the field {written} of {name} is {value!r}: it must be {word}.")
    return kind(**{field: tuple(value) if isinstance(value, list) else value for field, value in row.items()})


def _refuse_twice(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"{path.name} has two rows named {name}: remove one.")


def _check(path: Path, one: Alert) -> None:
    if one.severity not in SEVERITIES:
        raise LabError(f"{path.name}: {one.alert} has the unknown severity {one.severity!r}: use page or ticket.")
    for field, length in (("for", one.hold), ("window", one.window), ("keep", one.keep)):
        try:
            times.seconds(length or "0s")
        except ValueError as error:
            raise LabError(f"{path.name}: the field {field} of {one.alert}: {error}.") from error
    texts = one.expr + one.description
    for field, value in (("window", one.window), ("threshold", one.threshold)):
        if (value in ("", None)) == (f"${field}" in texts.replace("$value", "")):
            raise LabError(f"{path.name}: {one.alert} must either set {field} and use ${field}, or do neither.")
    if one.unit not in UNITS and (one.unit or "$value" in texts):
        raise LabError(f"{path.name}: {one.alert} has the unknown unit {one.unit!r}: use one of {', '.join(UNITS)}.")
