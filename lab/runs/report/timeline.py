"""What happened in a time range: alerts that were pending or firing (series ``ALERTS``), and the lab's own events."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lab.dashboards.span import Span
from lab.errors import LabError
from lab.prometheus import Api
from lab.times import SCRAPE_SECONDS

#: This alert always fires.
WATCHDOG = "Watchdog"
EVENTS = "lab_event"
OF_THE_ALERT = ("__name__", "alertname", "alertstate", "severity")


@dataclass(frozen=True)
class Period:
    """An uninterrupted period in which an alert was pending or firing, in Unix seconds."""

    name: str
    severity: str
    state: str
    labels: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """All periods in the order in which they started, and a sentence about them."""

    message: str
    spans: list[Period]


def timeline(api: Api, span: Span) -> Timeline:
    """Return the alerts that were pending or firing in a time range, and a sentence about them."""
    try:
        # Raw samples stop when the alert does. A range query would show the alert for another five minutes.
        found = api.query(f"ALERTS[{span.seconds}s]", span.end).series
    except LabError as error:
        return Timeline(str(error), [])
    names = {each["metric"]["alertname"] for each in found}
    periods = [period for each in found if each["metric"]["alertname"] != WATCHDOG for period in _periods(each)]
    if WATCHDOG not in names:
        message = (
            "Not even the Watchdog fired, although it always fires. Prometheus had no rules, or has no data from then."
        )
    else:
        fired = dict.fromkeys(each.name for each in periods if each.state == "firing")
        message = f"{', '.join(fired) or 'No alert'} fired. (The Watchdog always fires.)"
    return Timeline(message, sorted(periods, key=lambda period: (period.start, period.name)))


def _periods(series: dict) -> list[Period]:
    labels = series["metric"]
    rest = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in OF_THE_ALERT)
    times = [float(at) for at, _ in series["values"]]
    breaks = [place for place in range(1, len(times)) if times[place] - times[place - 1] > 1.5 * SCRAPE_SECONDS]
    edges = [0, *breaks, len(times)]
    return [
        Period(
            labels["alertname"],
            labels.get("severity", ""),
            labels["alertstate"],
            rest,
            times[first],
            times[after - 1] + SCRAPE_SECONDS,
        )
        for first, after in pairwise(edges)
    ]


def events(api: Api, span: Span) -> list[dict[str, Any]]:
    """Return the lab's events in a time range, without duplicates.

    Each event is a series whose value is the event's Unix timestamp.
    """
    try:
        found = api.query(f"{EVENTS}[{span.seconds}s]", span.end).series
    except LabError:
        return []
    happened = {
        (float(value), each["metric"].get("kind", ""), each["metric"].get("text", ""))
        for each in found
        for _, value in each["values"]
    }
    return [
        {"time": at, "kind": kind, "text": said} for at, kind, said in sorted(happened) if span.start <= at <= span.end
    ]
