"""The metrics contract, ``prometheus/contract.yaml``, and the docs page that is generated from it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from lab.errors import LabError
from lab.paths import ROOT

CONTRACT_FILE = ROOT / "prometheus" / "contract.yaml"
PAGE = ROOT / "docs" / "metrics.md"
TYPES = ("counter", "gauge", "histogram", "summary")
#: What makes a series change: normal load, the passage of time, or a fault or operator action. A constant series never
#: changes.
MOVES = ("load", "time", "fault", "constant")


@dataclass(frozen=True)
class Entry:
    """One metric of the contract.

    ``type`` is the type in the exposition format; a histogram includes its ``_bucket``, ``_sum`` and ``_count``.
    ``labels`` lists the labels that the exporter sets. ``optional_labels`` lists those that only some exporter versions
    set. ``job`` is the scrape job. ``documented`` is the metric's name in older documentation. ``needs`` lists the
    features that a runtime must provide. ``not_shown`` says why no dashboard or rule uses the metric.
    """

    name: str
    type: str
    help: str
    unit: str
    job: str
    moves: str
    labels: tuple[str, ...] = ()
    optional_labels: tuple[str, ...] = ()
    documented: str = ""
    needs: tuple[str, ...] = ()
    not_shown: str = ""

    @property
    def samples(self) -> tuple[str, ...]:
        """The metric's sample names in Prometheus."""
        suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(self.type, ("",))
        return tuple(f"{self.name}{suffix}" for suffix in suffixes)


def load(path: Path = CONTRACT_FILE) -> list[Entry]:
    """Return the entries of the contract, in file order.

    Raises LabError if the file is not a YAML list, or if an entry lacks a field, has an unknown field, has an invalid
    value or is listed twice. The error names the entry.
    """
    try:
        rows = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise LabError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(rows, list) or not rows:
        raise LabError(f"{path.name} must be a list of metrics, each with a name.")
    entries = [_entry(row, path) for row in rows]
    seen = set()
    for entry in entries:
        if entry.name in seen:
            raise LabError(f"{path.name} lists {entry.name} twice: remove one of them.")
        seen.add(entry.name)
    return entries


def _entry(row: object, path: Path) -> Entry:
    if not isinstance(row, dict) or "name" not in row:
        raise LabError(f"{path.name}: {row!r} is not a metric: each entry needs a name.")
    known = {each.name: each for each in fields(Entry)}
    required = {"name", "type", "help", "unit", "job", "moves"}
    if missing := required - row.keys():
        raise LabError(f"{path.name}: {row['name']} lacks {', '.join(sorted(missing))}.")
    if unknown := row.keys() - known.keys():
        raise LabError(f"{path.name}: {row['name']} has unknown fields: {', '.join(sorted(unknown))}.")
    for name, allowed in (("type", TYPES), ("moves", MOVES)):
        if row[name] not in allowed:
            raise LabError(
                f"{path.name}: {row['name']} has {name} {row[name]!r}, which is not one of {', '.join(allowed)}."
            )
    if stray := set(row.get("optional_labels", [])) - set(row.get("labels", [])):
        raise LabError(
            f"{path.name}: {row['name']} has optional_labels that are not in labels: {', '.join(sorted(stray))}."
        )
    return Entry(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})


def page(entries: Iterable[Entry]) -> str:
    """Return the content of ``docs/metrics.md``."""
    lines = [
        "<!-- Generated from prometheus/contract.yaml by `make generate`. -->",
        "# Metrics",
        "",
        "Every metric that the lab guarantees. The live tests check that each of them exists with this type and these",
        "labels, and that its value changes when the last column says so.",
        "",
        "**Changes** says when the value changes: `load` during a load test, `time` all the time, `fault` on errors,",
        "overload or operator actions, `constant` never in a healthy lab.",
    ]
    job = None
    for entry in entries:
        if entry.job != job:
            job = entry.job
            lines += [
                "",
                f"## {job}",
                "",
                "| metric | type | unit | labels | meaning | changes |",
                "|---|---|---|---|---|---|",
            ]
        labels = ", ".join(
            f"`{label}`" + " (some versions)" * (label in entry.optional_labels) for label in entry.labels
        )
        meaning = entry.help.replace("|", "\\|")
        if entry.documented:
            meaning += f" Documented as `{entry.documented}`."
        if entry.needs:
            meaning += f" Needs {', '.join(entry.needs)}."
        lines.append(f"| `{entry.name}` | {entry.type} | {entry.unit} | {labels} | {meaning} | {entry.moves} |")
    return "\n".join(lines) + "\n"
