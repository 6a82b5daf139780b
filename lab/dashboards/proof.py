"""``lab panels``: every query of every dashboard, run against the lab's Prometheus over each span that is offered."""

import math
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import TypeVar

from lab.console import grid
from lab.dashboards import answers, model
from lab.dashboards.model import Dashboard, Panel, Target
from lab.dashboards.span import Span, last
from lab.errors import LabError
from lab.prometheus import Api, Refused

#: No query may take longer on what a lab gathers.
MOST_SECONDS = 0.2
#: How often a query that took longer is asked again: a busy machine only ever adds to the time.
ATTEMPTS = 3
PAUSE_SECONDS = 0.2
Asking = TypeVar("Asking")


@dataclass
class Asked:
    """What came of one query: over how many spans it was asked, and the figures of the worst and the largest."""

    name: str
    panel: Panel | None = None
    needs: tuple[str, ...] = ()
    empty_until: str = ""
    series: int = 0
    points: int = 0
    nan: int = 0
    samples: int = 0
    seconds: float = 0
    #: The spans in which it had nothing to show.
    empty: list[str] = field(default_factory=list)
    #: What Prometheus said when it refused.
    refused: str = ""

    def state(self, provides: Set[str]) -> str:
        """Return ``data``, or why there is none: ``not here``, ``empty until …``; else what is wrong."""
        if self.refused:
            return f"REFUSED: {self.refused}"
        if self.seconds > MOST_SECONDS:
            return f"SLOW: {self.seconds * 1000:.0f} ms"
        if not self.empty:
            return "data"
        if missing := set(self.needs) - provides:
            return f"not here: needs {', '.join(sorted(missing))}"
        if self.empty_until:
            return f"empty until {self.empty_until}"
        return f"EMPTY: {', '.join(self.empty)}"


@dataclass(frozen=True)
class Proof:
    """What came of all queries; ``provides`` is what the runtime has.

    ``too_young`` are the spans of which no step has ended since the last load: Grafana does not show it in them yet.
    """

    asked: list[Asked]
    provides: Set[str]
    too_young: list[str]

    @property
    def wrong(self) -> list[Asked]:
        """Those that are refused, slow, or empty with no declaration."""
        return [each for each in self.asked if each.state(self.provides).split(":")[0] in ("REFUSED", "SLOW", "EMPTY")]

    def with_state(self, beginning: str) -> list[Asked]:
        """Those whose state begins so."""
        return [each for each in self.asked if each.state(self.provides).startswith(beginning)]


def prove(api: Api, provides: Set[str], end: float | None = None) -> Proof:
    """Ask every query of every panel and variable, up to the unix time ``end`` (now).

    Raises LabError when Prometheus does not answer, or when it is too early to ask at all.
    """
    end = end or time.time()
    dashboards = model.load()
    moved = _last_load(api, end) or _first_sample(api, end)
    offered = {start: last(start, end) for start in dict.fromkeys(each for of in dashboards for each in of.ranges)}
    spans = {start: span for start, span in offered.items() if span.aligned[1] >= moved}
    if not spans:
        raise LabError("the last load has ended only just now: ask again in some seconds.")
    asked = [each for dashboard in dashboards for each in _asked(api, dashboard, spans)]
    return Proof(asked, provides, [start for start in offered if start not in spans])


def _last_load(api: Api, end: float) -> float:
    """Return the unix time at which the last load ended, by when all had moved; 0 when Prometheus knows of none."""
    told = api.query('max(lab_event{kind="load",phase="end"})', end).series
    return float(told[0]["value"][1]) if told else 0


def _first_sample(api: Api, end: float) -> float:
    """Return the unix time of the oldest sample in Prometheus's memory; 0 when that says nothing of ``end``."""
    oldest = api.get("status/tsdb")["headStats"]["minTime"] / 1000
    return oldest if oldest < end else 0


def _asked(api: Api, dashboard: Dashboard, offered: dict[str, Span]) -> Iterator[Asked]:
    spans = {start: offered[start] for start in dashboard.ranges if start in offered}
    chosen = answers.all_chosen(dashboard)
    # A dashboard all of which needs something has variables that need it, too.
    needs = set.intersection(*(set(panel.needs) for panel in dashboard.panels))
    for name, query in dashboard.variables.items():
        found = Asked(f"{dashboard.title}: variable {name}", needs=tuple(needs))
        for start, span in spans.items():
            _note_variable(found, api, query, start, span, chosen)
        yield found
    for name, query in dashboard.events.items():
        event = Target("", query, "", instant=False)
        # There may have been none of a kind yet.
        found = Asked(f"{dashboard.title}: events {name}", empty_until="the first of them")
        for start, span in spans.items():
            _note(found, api, event, start, span, chosen)
        yield found
    for panel in dashboard.panels:
        for target in panel.targets:
            found = Asked(
                f"{panel.name} {target.letter}" if len(panel.targets) > 1 else panel.name,
                panel,
                panel.needs,
                panel.empty_until,
            )
            for start, span in spans.items():
                _note(found, api, target, start, span, chosen)
            yield found


def _note(found: Asked, api: Api, target: Target, start: str, span: Span, chosen: dict[str, str]) -> None:
    try:
        answer, seconds = _fastest(lambda: answers.ask(api, target, span, chosen))
    except LabError as error:
        _refuse(found, error)
        return
    values = [answers.number(value) for each in answer.series for _, value in answers.points(each)]
    seen = sum(value is not None for value in values)
    found.series = max(found.series, len(answer.series))
    found.points = max(found.points, seen)
    found.nan = max(found.nan, len(values) - seen)
    found.samples = max(found.samples, answer.samples)
    found.seconds = max(found.seconds, seconds)
    if not seen:
        found.empty.append(start)


def _fastest(ask: Callable[[], Asking]) -> tuple[Asking, float]:
    """Return an answer and the seconds of the quickest of some attempts; one that is quick enough is the last."""
    best = math.inf
    for attempt in range(ATTEMPTS):
        # A pause of Prometheus itself is over by then.
        time.sleep(attempt * PAUSE_SECONDS)
        began = time.perf_counter()
        answer = ask()
        best = min(best, time.perf_counter() - began)
        if best <= MOST_SECONDS:
            break
    return answer, best


def _note_variable(found: Asked, api: Api, query: str, start: str, span: Span, chosen: dict[str, str]) -> None:
    try:
        values, seconds = _fastest(lambda: answers.values_of(api, query, span, chosen))
    except LabError as error:
        _refuse(found, error)
        return
    found.series = found.points = max(found.series, len(values))
    found.seconds = max(found.seconds, seconds)
    if not values:
        found.empty.append(start)


def _refuse(found: Asked, error: LabError) -> None:
    """Keep what Prometheus said of one query; when it does not answer at all, no other will fare better."""
    if not isinstance(error, Refused):
        raise error
    found.refused = str(error)


def page(proof: Proof) -> str:
    """Return what ``lab panels`` prints: a line a query, then what there is of each kind."""
    head = ("panel", "series", "points", "NaN", "samples read", "slowest", "")
    rows = [
        (
            each.name,
            f"{each.series:,}",
            f"{each.points:,}",
            f"{each.nan:,}",
            f"{each.samples:,}",
            f"{each.seconds * 1000:.0f} ms",
            state if (state := each.state(proof.provides)) != "data" else "",
        )
        for each in proof.asked
    ]
    return "\n".join([grid([head, *rows], words={0, 6}), "", *_summary(proof)])


def _summary(proof: Proof) -> Iterator[str]:
    panels = {(each.panel.dashboard, each.panel.id) for each in proof.asked if each.panel}
    queries = sum(each.panel is not None for each in proof.asked)
    slowest = max(proof.asked, key=lambda each: each.seconds)
    yield (
        f"{len(panels)} panels, {queries} queries and {len(proof.asked) - queries} of variables and events:"
        f" {len(proof.with_state('data'))} with data, {len(proof.with_state('not here'))} not here,"
        f" {len(proof.with_state('empty until'))} empty until their drill, {len(proof.wrong)} wrong;"
        f" the slowest took {slowest.seconds * 1000:.0f} ms ({slowest.name})."
    )
    if proof.too_young:
        yield f"Too early for {', '.join(proof.too_young)}: none of their steps has ended since the last load."
    yield from (f"  {each.name}: {each.state(proof.provides)}" for each in proof.wrong)
