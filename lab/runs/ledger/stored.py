"""Read the raw samples that Prometheus stored around a run.

The ledger does not use ``increase()``, which extrapolates to the ends of its window: for 1,000 requests, it may return
1,003.4.
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from statistics import median

from lab.errors import LabError
from lab.prometheus import Api
from lab.runs.ledger.snapshot import Series, pod_of

#: The maximum age of the last sample before a snapshot: three scrapes.
NEAR_SECONDS = 15
#: Timeout for the first scrape after a snapshot.
PATIENCE_SECONDS = 30
#: Labels that Prometheus adds to the target's own. The label ``pod`` is kept, because each pod has its own counters.
ADDED = {"__name__", "job", "instance", "namespace", "container", "endpoint"}

#: A Unix time and a value.
Sample = tuple[float, float]


class Prometheus:
    """The lab's Prometheus at ``url``. Series without these ``labels`` belong to other shops and are ignored.

    All methods except ``first_scrape`` raise LabError if Prometheus does not respond.
    """

    def __init__(self, url: str, labels: Mapping[str, str] | None = None) -> None:
        self._api = Api(url)
        self._labels = labels or {}

    def samples(self, job: str, names: Iterable[str], start: float, end: float) -> dict[Series, list[Sample]]:
        """Return a job's raw samples of these metrics, from ``NEAR_SECONDS`` before ``start`` to ``end``."""
        window = int(end - start + NEAR_SECONDS) + 1
        found = self._ask(f"{self._selector(job, names)}[{window}s]", end)
        return {_series(each["metric"]): [(float(at), float(n)) for at, n in each["values"]] for each in found}

    def values(self, job: str, names: Iterable[str], at: float) -> dict[Series, float]:
        """Return the last value of each series at the Unix time ``at``.

        Leave out series that were stale at that time, and values older than ``NEAR_SECONDS``.

        The series of a restarted exporter become stale with the first scrape after the restart.
        """
        alive = {_series(each["metric"]) for each in self._ask(self._selector(job, names), at)}
        near = self.samples(job, names, at, at)
        return {series: samples[-1][1] for series, samples in near.items() if series in alive}

    def first_scrape(self, job: str, after: float, pods: Iterable[str] = ()) -> float | None:
        """Return the Unix time by which each of these pods has had a successful scrape after ``after``.

        Without ``pods``, return the time of the first scrape of any target of the job. Wait for it if necessary. Return
        None if there is none within ``PATIENCE_SECONDS``, or if Prometheus does not respond for that long.
        """
        wanted = set(pods)
        while True:
            now = time.time()
            with suppress(LabError):
                ups = self._ups(job, after, min(now, after + PATIENCE_SECONDS))
                first = {
                    pod: min(seen) for pod, of in ups.items() if (seen := [at for at, up in of if up and at > after])
                }
                if first and wanted <= first.keys():
                    return max(first[pod] for pod in wanted) if wanted else min(first.values())
            if now > after + PATIENCE_SECONDS:
                return None
            time.sleep(0.2)

    def was_scraped_before(self, job: str, moment: float, pods: Iterable[str]) -> bool:
        """Return whether the last scrape of each of these pods before ``moment`` was successful and recent."""
        ups = self._ups(job, moment, moment)
        last = {pod: [up for at, up in of if at < moment][-1:] for pod, of in ups.items()}
        return all(any(last.get(pod, [])) for pod in pods)

    def missed_scrapes(self, job: str, start: float, end: float) -> list[Sample]:
        """Return the gaps between scrapes of a pod: the Unix time when each gap began, and its length in seconds."""
        return [gap for of in self._ups(job, start, end).values() for gap in _gaps([at for at, up in of if up])]

    def _ups(self, job: str, start: float, end: float) -> dict[str, list[Sample]]:
        """Return the samples of ``up`` for each pod of a job."""
        return {pod_of(series): samples for series, samples in self.samples(job, ["up"], start, end).items()}

    def _selector(self, job: str, names: Iterable[str]) -> str:
        labels = "".join(f',{name}="{value}"' for name, value in {"job": job, **self._labels}.items())
        return f'{{__name__=~"{"|".join(names)}"{labels}}}'

    def _ask(self, query: str, at: float) -> list[dict]:
        return self._api.query(query, at).series


def _gaps(scrapes: list[float]) -> list[Sample]:
    steps = [later - at for at, later in pairwise(scrapes)]
    usual = median(steps) if steps else 0
    return [(at, step) for at, step in zip(scrapes, steps, strict=False) if step > 1.5 * usual]


def _series(metric: dict[str, str]) -> Series:
    labels = {name: value for name, value in metric.items() if name not in ADDED}
    return metric["__name__"], tuple(sorted(labels.items()))
