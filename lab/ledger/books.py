"""The books of a run: opened by a cut before it, closed by one after it, and balanced with what Prometheus stored.

What Prometheus has is held against the exporters' own pages: the last sample before a cut may not be more than the page
said, the first one after it not less, and what only the load moves must be the same to the request. So each figure is
Prometheus's own increase; where a probe fell between a scrape and a cut, the page says on which side.
"""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from lab.errors import LabError
from lab.ledger import account, latency
from lab.ledger import cut as cut_module
from lab.ledger.account import Account, App, Counts, Difference, Key, Log, Workers
from lab.ledger.cut import Cut, Series, route_of
from lab.ledger.prometheus import Prometheus, Sample
from lab.parts import part
from lab.runtime import Runtime

TIERS = {"nginx-log": account.LOG, "nginx": account.STATUS, "uwsgi": account.UWSGI, "django": account.DJANGO}
#: What sets a tier's counters to zero.
RESETS = {
    "nginx-log": "the access log's exporter was restarted: what NGINX logged until it was back is in no figure",
    "nginx": "NGINX was restarted, which set its own counters to zero",
    "uwsgi": "uWSGI was restarted or got SIGHUP, which set its counters to zero",
    "django": "uWSGI was restarted or got SIGHUP, which set Django's counters to zero",
}
WHY_BACK = ", though nothing was restarted. Does each read meet another process with counts of its own?"


@dataclass(frozen=True)
class Ledger:
    """A run's account, and why it cannot be exact, if it cannot: ``reasons`` are sentences, ``notes`` only remarks."""

    start: float
    end: float
    account: Account
    quantiles: list[latency.Quantiles]
    reasons: list[str]
    notes: list[str]

    @property
    def verdict(self) -> str:
        """``exact``, ``different``, or ``unknown`` when a tier's figures are missing and the others agree."""
        if self.account.differences:
            return "different"
        return "unknown" if self.reasons else "exact"


def open_books(runtime: Runtime, patience: float = cut_module.PATIENCE_SECONDS) -> Cut:
    """Return the cut before a run, once Prometheus has every tier's figures, and none higher than its exporter says.

    For some seconds after a part was restarted it has not. When it does not answer that is told at the end of the run.
    """
    prometheus = Prometheus(runtime.url(part("prometheus"), ""))
    deadline = time.monotonic() + patience
    fell: dict[str, str] = {}
    while True:
        opening = cut_module.take(runtime, patience)
        fell |= opening.fell
        opening = replace(opening, fell=fell)
        with suppress(LabError):
            if not _is_with(prometheus, opening) and time.monotonic() < deadline:
                continue
        return opening


def _is_with(prometheus: Prometheus, opening: Cut) -> bool:
    return all(
        prometheus.was_scraped_before(job, opening.at)
        and all(
            n <= opening.values[job].get(series, 0)
            for series, n in prometheus.values(job, cut_module.FAMILIES[job], opening.at).items()
            if series[0].endswith("_total")
        )
        for job in opening.values.keys() - opening.fell
    )


def close_books(runtime: Runtime, patience: float = cut_module.PATIENCE_SECONDS) -> Cut:
    """Return the cut after a run."""
    return cut_module.take(runtime, patience)


def balance(runtime: Runtime, opening: Cut, closing: Cut, result: Mapping) -> Ledger:
    """Balance the books of the run that ``result`` (as the load wrote it) tells of.

    Raises LabError when Prometheus does not answer.
    """
    prometheus = Prometheus(runtime.url(part("prometheus"), ""))
    reasons = [
        f"{TIERS[job]} cannot be read when the books were {when}: its exporter did not answer ({why})"
        for when, cut in (("opened", opening), ("closed", closing))
        for job, why in cut.silent.items()
    ]
    notes: list[str] = []
    differences: list[Difference] = []
    increases: dict[str, dict[Series, float]] = {}
    scraped: dict[str, float] = {}
    for job, names in cut_module.FAMILIES.items():
        if fell := opening.fell.get(job) or closing.fell.get(job):
            differences.append(Difference((TIERS[job],), f"{TIERS[job]} contradicts itself: {fell}{WHY_BACK}"))
        elif job in opening.values and job in closing.values:
            end = prometheus.first_scrape(job, closing.at)
            if end is None or not prometheus.was_scraped_before(job, opening.at):
                when = "after" if end is None else "before"
                reasons.append(f"Prometheus has no figures of {job} from {when} the run")
                continue
            before = prometheus.values(job, names, opening.at)
            stored = prometheus.samples(job, names, opening.at, end)
            if when := _reset(job, before, stored, opening, closing):
                reasons.append(f"{RESETS[job]}, at {_clock(when)}")
                continue
            scraped[job] = end
            increases[job] = _increase(opening.values[job], closing.values[job])
            differences += _held_against_pages(job, before, stored, opening, closing)
            notes += [
                f"Prometheus did not scrape {job} for {seconds:.0f} s from {_clock(at)}: its counters went on meanwhile"
                for at, seconds in prometheus.missed_scrapes(job, opening.at, closing.at)
            ]
    for when, cut in (("opened", opening), ("closed", closing)):
        if cut.moving:
            reasons.append(f"somebody else was at the shop when the books were {when} ({cut.moving})")
            # What carries the load's mark stood still all the same.
            increases = {job: of for job, of in increases.items() if job == "nginx-log"}
    counts = counts_of(result, increases)
    return Ledger(
        opening.at,
        closing.at,
        account.settle(counts, differences),
        _quantiles(prometheus, scraped, opening.at, result, counts),
        list(dict.fromkeys(reasons)),
        notes,
    )


def counts_of(result: Mapping, increases: Mapping[str, Mapping[Series, float]]) -> Counts:
    """Return what the load sent and what each job's counters grew by, as the tiers' counts."""
    sent = Counter(
        {
            Key(route, method if method in account.METHODS else "other", status): n
            for route, methods in result["counts"].items()
            for method, statuses in methods.items()
            for status, n in statuses.items()
        }
    )
    log = workers = app = None
    if of := increases.get("nginx-log"):
        log = Log(
            _keys(of, "nginx_http_responses_total", "route"),
            _keys(of, "nginx_http_load_responses_total", "route"),
            Counter(
                {(labels["route"], labels["outcome"]): n for labels, n in _of(of, "nginx_http_upstream_requests_total")}
            ),
            _sum(of, "nginx_status_page_requests_total"),
        )
    if of := increases.get("uwsgi"):
        names = ("uwsgi_worker_requests_total", "uwsgi_worker_harakiri_count_total", "uwsgi_worker_respawn_count_total")
        workers = Workers(*(_sum(of, name) for name in names))
    if of := increases.get("django"):
        app = App(
            _sum(of, "django_http_requests_before_middlewares_total"),
            _sum(of, "django_http_responses_before_middlewares_total"),
            _keys(of, "django_http_responses_total_by_status_view_method_total", "view"),
        )
    of = increases.get("nginx")
    status = _sum(of, "nginx_http_requests_total") if of else None
    return Counts(sent, log, status, workers, app)


def _of(increase: Mapping[Series, float], wanted: str) -> list[tuple[dict[str, str], int]]:
    return [(dict(labels), int(n)) for (name, labels), n in increase.items() if name == wanted]


def _sum(increase: Mapping[Series, float], wanted: str) -> int:
    return sum(n for _, n in _of(increase, wanted))


def _keys(increase: Mapping[Series, float], wanted: str, label: str) -> Counter[Key]:
    keys: Counter[Key] = Counter()
    for labels, n in _of(increase, wanted):
        keys[Key(route_of(labels[label]), labels["method"], labels["status"])] += n
    return +keys


def _increase(before: Mapping[Series, float], after: Mapping[Series, float]) -> dict[Series, float]:
    return {series: n - before.get(series, 0) for series, n in after.items() if series[0].endswith("_total")}


def _reset(
    job: str, before: Mapping[Series, float], stored: Mapping[Series, list[Sample]], opening: Cut, closing: Cut
) -> float | None:
    """Return the unix time at which a job's counters began anew between the cuts, as far as it is known."""
    for series, after in closing.values[job].items():
        if series[0].endswith("start_time_seconds") and opening.values[job].get(series) != after:
            return after
    for series, n in opening.values[job].items():
        if series[0].endswith("_total") and closing.values[job].get(series, 0) < n:
            return closing.at
    for series, samples in stored.items():
        since = [(opening.at, before.get(series, 0)), *((at, n) for at, n in samples if at > opening.at)]
        for (_, earlier), (at, later) in pairwise(since):
            if series[0].endswith("_total") and later < earlier:
                return at
    return None


def _held_against_pages(
    job: str, before: Mapping[Series, float], stored: Mapping[Series, list[Sample]], opening: Cut, closing: Cut
) -> list[Difference]:
    """Return where Prometheus's samples around the cuts are not what the exporter's page said at them."""
    found = []
    for series, page in closing.values[job].items():
        name, labels = series
        if not name.endswith("_total"):
            continue
        samples = stored.get(series, [])
        page_before = opening.values[job].get(series, 0)
        stored_before = before.get(series, 0)
        after = next((n for at, n in samples if at > closing.at), 0)
        own = name == "nginx_http_load_responses_total"
        grown_alike = after - stored_before == page - page_before
        # Of what others moved while the pages were read, the samples around a cut say nothing.
        within = bool(opening.moving or closing.moving) or (stored_before <= page_before and after >= page)
        if within and (grown_alike or not own):
            continue
        what = f"{name} of {', '.join(value for _, value in labels)}" if labels else name
        found.append(
            Difference(
                (account.PROMETHEUS, TIERS[job]),
                f"Prometheus's samples of {what} go from {stored_before:,.0f} to {after:,.0f}; its exporter said "
                f"{page_before:,.0f} and {page:,.0f}",
            )
        )
    return found


def _quantiles(
    prometheus: Prometheus, scraped: Mapping[str, float], start: float, result: Mapping, counts: Counts
) -> list[latency.Quantiles]:
    histograms = {}
    for job, (name, label) in latency.HISTOGRAMS.items():
        if job not in scraped:
            continue
        buckets = [f"{name}_bucket"]
        before = prometheus.values(job, buckets, start)
        after = prometheus.values(job, buckets, scraped[job])
        increase = {series: n - before.get(series, 0) for series, n in after.items()}
        histograms[job] = latency.by_route(increase, label)
    others = counts.log.responses - counts.log.load if counts.log else Counter()
    shared: Counter[str] = Counter()
    for key, n in others.items():
        shared[key.route] += n
    return latency.compare(result.get("seconds", {}), histograms, shared)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%H:%M:%S")
