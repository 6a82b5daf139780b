"""``lab panels``: run every dashboard query on the lab's Prometheus, over each time range that the dashboard offers."""

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

#: The time limit for a query on the lab's data.
MAX_SECONDS = 0.2
#: The maximum number of times that a query is run if it exceeds the limit. A busy machine can only make a query slower,
#: so the fastest run counts.
ATTEMPTS = 3
PAUSE_SECONDS = 0.2
Result = TypeVar("Result")


@dataclass
class Check:
    """The results of one query for all time ranges. Each number is the maximum over these ranges."""

    name: str
    panel: Panel | None = None
    needs: tuple[str, ...] = ()
    empty_until: str = ""
    series: int = 0
    points: int = 0
    nan: int = 0
    samples: int = 0
    seconds: float = 0
    #: The time ranges in which the query had no data.
    empty: list[str] = field(default_factory=list)
    #: Prometheus's error, if it refused the query.
    refused: str = ""

    def state(self, provides: Set[str]) -> str:
        """Return ``data``, a valid reason for no data (``not available``, ``empty until …``), or the problem."""
        if self.refused:
            return f"REFUSED: {self.refused}"
        if self.seconds > MAX_SECONDS:
            return f"SLOW: {self.seconds * 1000:.0f} ms"
        if not self.empty:
            return "data"
        if missing := set(self.needs) - provides:
            return f"not available: needs {', '.join(sorted(missing))}"
        if self.empty_until:
            return f"empty until {self.empty_until}"
        return f"EMPTY: {', '.join(self.empty)}"


@dataclass(frozen=True)
class Proof:
    """The results of all queries. ``provides`` lists the services that the runtime has.

    ``skipped`` lists the time ranges that were not checked, because none of their steps has ended since the last load
    run. In those ranges, Grafana would not show the run yet.
    """

    checks: list[Check]
    provides: Set[str]
    skipped: list[str]

    @property
    def wrong(self) -> list[Check]:
        """The queries that were refused, slow, or empty without a declared reason."""
        return [each for each in self.checks if each.state(self.provides).split(":")[0] in ("REFUSED", "SLOW", "EMPTY")]

    def with_state(self, prefix: str) -> list[Check]:
        """Return the queries whose state starts with this prefix."""
        return [each for each in self.checks if each.state(self.provides).startswith(prefix)]


def prove(api: Api, provides: Set[str], end: float | None = None) -> Proof:
    """Run the queries of all panels, variables and annotations, up to the Unix time ``end`` (default: now).

    Raises LabError if Prometheus does not respond, or if the last load run ended too recently.
    """
    end = end or time.time()
    dashboards = model.load()
    since = _last_load(api, end) or _first_sample(api, end)
    offered = {start: last(start, end) for start in dict.fromkeys(each for of in dashboards for each in of.ranges)}
    spans = {start: span for start, span in offered.items() if span.aligned[1] >= since}
    if not spans:
        raise LabError("the last load run has only just finished: try again in a few seconds.")
    checks = [each for dashboard in dashboards for each in _checks(api, dashboard, spans)]
    return Proof(checks, provides, [start for start in offered if start not in spans])


def _last_load(api: Api, end: float) -> float:
    """Return the Unix time at which the last load run ended; 0 if Prometheus has recorded none."""
    ends = api.query('max(lab_event{kind="load",phase="end"})', end).series
    return float(ends[0]["value"][1]) if ends else 0


def _first_sample(api: Api, end: float) -> float:
    """Return the Unix time of the oldest sample in Prometheus's memory; 0 if it is not before ``end``."""
    oldest = api.get("status/tsdb")["headStats"]["minTime"] / 1000
    return oldest if oldest < end else 0


def _checks(api: Api, dashboard: Dashboard, offered: dict[str, Span]) -> Iterator[Check]:
    spans = {start: offered[start] for start in dashboard.ranges if start in offered}
    chosen = answers.all_chosen(dashboard)
    # If all panels in a dashboard need a service, so do the dashboard's variables.
    needs = set.intersection(*(set(panel.needs) for panel in dashboard.panels))
    for name, query in dashboard.variables.items():
        found = Check(f"{dashboard.title}: variable {name}", needs=tuple(needs))
        for start, span in spans.items():
            _note_variable(found, api, query, start, span, chosen)
        yield found
    for name, query in dashboard.events.items():
        event = Target("", query, "", instant=False)
        # There may not have been any event of this kind yet.
        found = Check(f"{dashboard.title}: annotation {name}", empty_until="the first event")
        for start, span in spans.items():
            _note(found, api, event, start, span, chosen)
        yield found
    for panel in dashboard.panels:
        for target in panel.targets:
            found = Check(
                f"{panel.name} {target.letter}" if len(panel.targets) > 1 else panel.name,
                panel,
                panel.needs,
                panel.empty_until,
            )
            for start, span in spans.items():
                _note(found, api, target, start, span, chosen)
            yield found


def _note(found: Check, api: Api, target: Target, start: str, span: Span, chosen: dict[str, str]) -> None:
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


def _fastest(run: Callable[[], Result]) -> tuple[Result, float]:
    """Run a query until it is fast enough, at most ``ATTEMPTS`` times. Return the last result and the fastest time."""
    best = math.inf
    for attempt in range(ATTEMPTS):
        # Prometheus may be busy with something else: give it time to finish.
        time.sleep(attempt * PAUSE_SECONDS)
        began = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - began)
        if best <= MAX_SECONDS:
            break
    return result, best


def _note_variable(found: Check, api: Api, query: str, start: str, span: Span, chosen: dict[str, str]) -> None:
    try:
        values, seconds = _fastest(lambda: answers.values_of(api, query, span, chosen))
    except LabError as error:
        _refuse(found, error)
        return
    found.series = found.points = max(found.series, len(values))
    found.seconds = max(found.seconds, seconds)
    if not values:
        found.empty.append(start)


def _refuse(found: Check, error: LabError) -> None:
    """Record Prometheus's error for one query. If Prometheus does not respond at all, raise the error."""
    if not isinstance(error, Refused):
        raise error
    found.refused = str(error)


def page(proof: Proof) -> str:
    """Return the output of ``lab panels``: one line per query, followed by a summary."""
    head = ("panel", "series", "points", "NaN", "samples read", "time", "result")
    rows = [
        (
            each.name,
            f"{each.series:,}",
            f"{each.points:,}",
            f"{each.nan:,}",
            f"{each.samples:,}",
            f"{each.seconds * 1000:.0f} ms",
            "ok" if (state := each.state(proof.provides)) == "data" else state,
        )
        for each in proof.checks
    ]
    return "\n".join([grid([head, *rows], words={0, 6}), "", *_summary(proof)])


def _summary(proof: Proof) -> Iterator[str]:
    panels = {(each.panel.dashboard, each.panel.id) for each in proof.checks if each.panel}
    queries = sum(each.panel is not None for each in proof.checks)
    slowest = max(proof.checks, key=lambda each: each.seconds)
    yield (
        f"{len(panels)} panels with {queries} queries, and {len(proof.checks) - queries} queries for variables and"
        f" annotations: {len(proof.with_state('data'))} with data,"
        f" {len(proof.with_state('not available'))} not available in this runtime,"
        f" {len(proof.with_state('empty until'))} empty as expected, {len(proof.wrong)} failed."
        f" The slowest took {slowest.seconds * 1000:.0f} ms ({slowest.name})."
    )
    if proof.skipped:
        yield f"Skipped {', '.join(proof.skipped)}: no step in these time ranges has ended since the last load run."
    yield from (f"  {each.name}: {each.state(proof.provides)}" for each in proof.wrong)
