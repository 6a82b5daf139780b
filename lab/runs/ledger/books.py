"""Build a run's ledger from the snapshots before and after it, and from the samples that Prometheus stored in between.

Prometheus's samples are checked against the values on the exporters' pages. Before a snapshot, no sample may be higher
than the value on the page. After it, no sample may be lower. A counter that only the load run changes must have the
same increase in both sources.
"""

import time
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise

from lab.errors import LabError
from lab.runs.ledger import account, ended, latency, snapshot
from lab.runs.ledger.account import Account
from lab.runs.ledger.comparison import Difference
from lab.runs.ledger.counts import (
    DJANGO,
    LOADS_OWN,
    LOG,
    PROMETHEUS,
    STATUS,
    UWSGI,
    Counts,
    counts_of,
    routes_of_load_alone,
)
from lab.runs.ledger.ended import Ended
from lab.runs.ledger.snapshot import Series, Snapshot, counters, counting_since, pod_of, pods_of
from lab.runs.ledger.stored import Prometheus, Sample
from lab.runtimes import services
from lab.runtimes.base import Runtime

TIERS = {"nginx-log": LOG, "nginx": STATUS, "uwsgi": UWSGI, "django": DJANGO}
#: Why each job's counters may have been reset.
RESETS = {
    "nginx-log": "the access log exporter was restarted, and did not count what NGINX logged in the meantime",
    "nginx": "NGINX was restarted, which reset its counters",
    "uwsgi": "uWSGI was restarted or got SIGHUP, which reset its counters",
    "django": "uWSGI was restarted, got SIGHUP or lost the metrics directory, which reset Django's counters",
}
WHY_DECREASED = " without a restart; does each read reach a different process with its own counters?"


@dataclass(frozen=True)
class Ledger:
    """A run's account. If it is not exact, ``reasons`` say why. ``notes`` are further remarks."""

    start: float
    end: float
    account: Account
    quantiles: list[latency.Quantiles]
    reasons: list[str]
    notes: list[str]

    @property
    def verdict(self) -> str:
        """``exact``, ``different``, or ``unknown`` when a tier's counts are missing and the others agree."""
        if self.account.differences:
            return "different"
        return "unknown" if self.reasons else "exact"


def open_books(runtime: Runtime, patience: float = snapshot.PATIENCE_SECONDS) -> Snapshot:
    """Return the snapshot before a run, taken once Prometheus has current samples from every tier.

    After a service restart, this takes a few seconds. If Prometheus does not respond, the ledger says so later.
    """
    prometheus = Prometheus(runtime.url(services.named("prometheus"), ""), runtime.labels)
    deadline = time.monotonic() + patience
    fell: dict[str, str] = {}
    while True:
        opening = snapshot.take(runtime, patience)
        fell |= opening.fell
        opening = replace(opening, fell=fell)
        with suppress(LabError):
            if not _is_current(prometheus, opening) and time.monotonic() < deadline:
                continue
        return opening


def _is_current(prometheus: Prometheus, opening: Snapshot) -> bool:
    """Return whether Prometheus has a recent sample from every target that matches the exporter's page.

    The counters for load runs must be equal: if they are not, Prometheus has not scraped the end of an earlier run yet.
    The others may have increased since the scrape.
    """
    for job in opening.values.keys() - opening.fell:
        pods = pods_of(opening.values[job])
        if not prometheus.was_scraped_before(job, opening.at, pods) or not _matches(prometheus, job, opening, pods):
            return False
    return True


def _matches(prometheus: Prometheus, job: str, opening: Snapshot, pods: Set[str]) -> bool:
    page = counters(opening.values[job])
    stored = counters(prometheus.values(job, snapshot.FAMILIES[job], opening.at))
    return all(
        stored.get(series, 0) == page.get(series, 0)
        if series[0] == LOADS_OWN
        else stored.get(series, 0) <= page.get(series, 0)
        for series in page.keys() | stored.keys()
        if pod_of(series) in pods
    )


def balance(prometheus: Prometheus, opening: Snapshot, closing: Snapshot, result: Mapping) -> Ledger:
    """Return the ledger of a run between two snapshots; ``result`` is the content of its result file."""
    pages = {job: _page(prometheus, job, opening, closing) for job in snapshot.FAMILIES}
    increases = {job: page.increase for job, page in pages.items() if page.increase}
    if increases.keys() >= {"nginx", "nginx-log"}:
        increases["nginx"] |= _final_status(pages, opening)
    moving = [
        f"the shop did not settle for the snapshot {when} the run ({each.moving})"
        for when, each in (("before", opening), ("after", closing))
        if each.moving
    ]
    # Even if the shop did not settle, the counters for the load run's own requests were constant during the snapshots.
    counts = counts_of(result, increases, only_load=bool(moving))
    settled = account.settle(counts, [each for page in pages.values() for each in page.differences])
    return Ledger(
        opening.at,
        closing.at,
        settled,
        _quantiles(prometheus, pages, opening.at, result, counts),
        [*dict.fromkeys(reason for page in pages.values() for reason in page.reasons), *moving, *settled.doubts],
        [*(note for page in pages.values() for note in page.notes), *_pods_that_ended(pages.values())],
    )


@dataclass(frozen=True)
class _Page:
    """One job's data for a run: the increases in its counters, and any findings.

    ``scraped`` is the Unix time of the first scrape after the run. ``stored`` are Prometheus's samples until then, and
    ``ended`` is what they contain about pods that ended.
    """

    increase: dict[Series, float] = field(default_factory=dict)
    scraped: float | None = None
    stored: dict[Series, list[Sample]] = field(default_factory=dict)
    ended: Ended = field(default_factory=Ended)
    differences: list[Difference] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _page(prometheus: Prometheus, job: str, opening: Snapshot, closing: Snapshot) -> _Page:
    """Return how much each of a job's counters increased, checked against Prometheus's samples where available."""
    tier = TIERS[job]
    if fell := opening.fell.get(job) or closing.fell.get(job):
        return _Page(differences=[Difference((tier,), f"{tier} contradicts itself: {fell}{WHY_DECREASED}")])
    silent = [
        (when, each.silent[job]) for when, each in (("before", opening), ("after", closing)) if job in each.silent
    ]
    if silent:
        when, why = silent[0]
        return _Page(reasons=[f"{tier} could not be read {when} the run: its exporter did not respond ({why})"])
    if reset := _reset_on_pages(job, opening, closing):
        return _Page(reasons=[_reset(job, *reset)])
    pods_before, pods_after = pods_of(opening.values[job]), pods_of(closing.values[job])
    increase = _increase(opening.values[job], counters(closing.values[job]))
    # Only Prometheus knows what a pod that ended has counted.
    alone = increase if pods_before <= pods_after else {}
    try:
        end = prometheus.first_scrape(job, closing.end, pods_after)
        if end is None or not prometheus.was_scraped_before(job, opening.at, pods_before):
            moment = "after" if end is None else "before"
            return _Page(alone, reasons=[f"Prometheus has no samples of {job} from {moment} the run"])
        before = prometheus.values(job, snapshot.FAMILIES[job], opening.at)
        stored = prometheus.samples(job, snapshot.FAMILIES[job], opening.at, end)
        missed = prometheus.missed_scrapes(job, opening.at, closing.at)
    except LabError as error:
        return _Page(alone, reasons=[error.message.removesuffix(".")])
    if reset := _reset_in_samples(before, stored, opening.at):
        return _Page(reasons=[_reset(job, *reset)])
    gone = ended.of_job(stored, opening.at, pods_before, pods_after)
    if gone.lost:
        return _Page(reasons=[_loss(tier, pod, gone.scraped[pod]) for pod in gone.lost])
    increase |= _increase(opening.values[job], counters(gone.values))
    notes = [
        f"Prometheus did not scrape {job} for {seconds:.0f} s from {_clock(at)}; no counts were lost"
        for at, seconds in missed
    ]
    return _Page(increase, end, stored, gone, _compared_with_pages(job, before, stored, opening, closing), notes=notes)


def _increase(before: Mapping[Series, float], after: Mapping[Series, float]) -> dict[Series, float]:
    return {series: n - before.get(series, 0) for series, n in after.items()}


def _reset(job: str, when: float, pod: str) -> str:
    return f"{RESETS[job]}{f' in pod {pod}' if pod else ''}, at {_clock(when)}"


def _loss(tier: str, pod: str, scraped: float) -> str:
    return (
        f"pod {pod} ended before its counts had settled: requests that it served after its last scrape, at "
        f"{_clock(scraped)}, are missing from {tier}"
    )


def _pods_that_ended(pages: Iterable[_Page]) -> list[str]:
    scraped: dict[str, float] = {}
    for page in pages:
        for pod, at in page.ended.scraped.items():
            scraped[pod] = max(at, scraped.get(pod, at))
    return [
        f"pod {pod} ended during the run; its counts are from its last scrape, at {_clock(at)}"
        for pod, at in sorted(scraped.items())
    ]


def _final_status(pages: Mapping[str, _Page], opening: Snapshot) -> dict[Series, float]:
    """Return the final increases of NGINX's own request counters in the pods that ended."""
    status, log = pages["nginx"], pages["nginx-log"].stored
    return {
        series: ended.final_status(pod, n, status.ended.scraped[pod], log, opening)
        for series, n in status.increase.items()
        if (pod := pod_of(series)) in status.ended.scraped
    }


def _reset_on_pages(job: str, opening: Snapshot, closing: Snapshot) -> tuple[float, str] | None:
    """Return when a job's counters were reset between the snapshots, and in which pod, or None if they were not."""
    start, start_before = counting_since(closing.values, job), counting_since(opening.values, job)
    old, new = opening.values[job], closing.values[job]
    both = pods_of(old) & pods_of(new)
    for pod in sorted(both):
        if start.get(pod) != start_before.get(pod):
            return start.get(pod) or closing.at, pod
    fell = [pod_of(series) for series, n in counters(old).items() if pod_of(series) in both and new.get(series, 0) < n]
    return (closing.at, fell[0]) if fell else None


def _reset_in_samples(
    before: Mapping[Series, float], stored: Mapping[Series, list[Sample]], opened: float
) -> tuple[float, str] | None:
    """Return when a counter first decreased in Prometheus's samples, as a Unix time, and in which pod, or None.

    This also finds a counter that has since risen above its old value.
    """
    fallen = [
        (at, pod_of(series))
        for series, samples in stored.items()
        if series[0].endswith("_total")
        for (_, earlier), (at, later) in pairwise([(opened, before.get(series, 0)), *_since(samples, opened)])
        if later < earlier
    ]
    return min(fallen, default=None)


def _since(samples: Sequence[Sample], moment: float) -> list[Sample]:
    return [(at, n) for at, n in samples if at > moment]


def _compared_with_pages(
    job: str,
    before: Mapping[Series, float],
    stored: Mapping[Series, list[Sample]],
    opening: Snapshot,
    closing: Snapshot,
) -> list[Difference]:
    """Return the mismatches between Prometheus's samples and the exporter's pages in the snapshots.

    Counters that only the load run changes must have the same increase in both. The others may also change between a
    scrape and a snapshot. For them, no sample before a snapshot may be higher than the value on the page, and none
    after it may be lower.
    """
    found = []
    for series, page_after in counters(closing.values[job]).items():
        page_before = opening.values[job].get(series, 0)
        samples = stored.get(series, [])
        last_before, first_after = before.get(series, 0), next((n for at, n in samples if at > closing.end), 0)
        if series[0] == LOADS_OWN:
            agree = first_after - last_before == page_after - page_before
        elif opening.moving or closing.moving:
            continue
        else:
            # Samples from before the opening snapshot may belong to counters that have been reset since.
            between = _since(samples, opening.at)
            first_since = next((n for at, n in between if at > opening.end), first_after)
            last_until = next((n for at, n in reversed(between) if at < closing.at), last_before)
            agree = last_before <= page_before <= first_since and last_until <= page_after <= first_after
        if not agree:
            name, labels = series
            what = f"{name} of {', '.join(value for _, value in labels)}" if labels else name
            text = (
                f"Prometheus's samples of {what} go from {last_before:,.0f} to {first_after:,.0f}; its exporter had "
                f"{page_before:,.0f} and {page_after:,.0f}"
            )
            found.append(Difference((PROMETHEUS, TIERS[job]), text))
    return found


def _quantiles(
    prometheus: Prometheus, pages: Mapping[str, _Page], start: float, result: Mapping, counts: Counts
) -> list[latency.Quantiles]:
    histograms = {}
    for job, (name, label) in latency.HISTOGRAMS.items():
        if (end := pages[job].scraped) is None:
            continue
        with suppress(LabError):
            before, after = (prometheus.values(job, [f"{name}_bucket"], at) for at in (start, end))
            if gone := pages[job].ended.scraped:
                stored = prometheus.samples(job, [f"{name}_bucket"], start, end)
                after |= ended.of_job(stored, start, gone, pods_of(after)).values
            increase = _increase(before, after)
            histograms[job] = latency.by_route(increase, label)
    return latency.compare(result.get("seconds", {}), histograms, routes_of_load_alone(counts))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
