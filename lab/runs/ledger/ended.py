"""The last counts of pods that ended during a run, from Prometheus's samples.

A pod that is stopped gracefully finishes its last request, and is then scraped at least twice more. Its last two
samples are equal, and show its final counts. A pod that is killed (forced deletion, out of memory, lost node) may serve
requests after its last scrape. Prometheus never sees their counts.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.runs.ledger.snapshot import STATUS_PAGE, Series, Snapshot, counters, pod_of
from lab.runs.ledger.stored import Sample

#: A job's samples by series.
Stored = Mapping[Series, Sequence[Sample]]
#: The counters that a read of NGINX's status increases.
COUNT_READS = (STATUS_PAGE[0], "nginx_http_requests_total")
#: The delay between a request and the exporter's reading its line in the access log, in seconds.
LOG_SECONDS = 0.3


@dataclass(frozen=True)
class Ended:
    """What a job had counted in the pods that ended: the last value of each series.

    ``scraped`` contains the Unix time of each pod's last scrape. ``lost`` contains the pods that may have served
    requests after it.
    """

    values: Mapping[Series, float] = field(default_factory=dict)
    scraped: Mapping[str, float] = field(default_factory=dict)
    lost: Sequence[str] = ()


def of_job(stored: Stored, opened: float, before: Iterable[str], after: Container[str]) -> Ended:
    """Return what a job's samples contain about the pods that ended.

    ``opened`` is the Unix time of the snapshot before the run. ``before`` and ``after`` are the pods in the snapshots
    before and after the run.
    """
    by_pod: dict[str, dict[Series, list[Sample]]] = {pod: {} for pod in before if pod not in after}
    for series, samples in stored.items():
        since = [(at, n) for at, n in samples if at > opened]
        if since and pod_of(series) not in after:
            by_pod.setdefault(pod_of(series), {})[series] = since
    return Ended(
        {series: samples[-1][1] for of_pod in by_pod.values() for series, samples in of_pod.items()},
        {pod: max((samples[-1][0] for samples in of_pod.values()), default=opened) for pod, of_pod in by_pod.items()},
        [pod for pod, of_pod in by_pod.items() if not _settled(of_pod)],
    )


def _settled(samples: Stored) -> bool:
    """Return whether a pod's counts were the same in its last two scrapes, apart from reads of NGINX's status."""
    scrapes = sorted({at for each in samples.values() for at, _ in each})

    def values(scrape: float) -> dict[Series, float]:
        return {series: n for series, each in samples.items() for at, n in each if at == scrape}

    def counted(scrape: float) -> dict[Series, float]:
        return {series: n for series, n in counters(values(scrape)).items() if series[0] not in COUNT_READS}

    if len(scrapes) < 2:
        return False
    busy = any(n for (name, _), n in values(scrapes[-1]).items() if name == "uwsgi_worker_busy")
    return counted(scrapes[-1]) == counted(scrapes[-2]) and not busy


def final_status(pod: str, n: float, scraped: float, log: Stored, opening: Snapshot) -> float:
    """Return how many requests NGINX's own counter counted in a pod that ended.

    ``n`` is the counter's increase until its last scrape, at the Unix time ``scraped``. NGINX serves some more requests
    after that, if only reads of its status. If ``n`` is between the access log's counts just before and just after that
    scrape, both agree, and the result is the access log's final count. Otherwise it is ``n``. ``log`` contains the
    access log's samples, and ``opening`` is the snapshot before the run.
    """
    values = opening.values["nginx-log"]
    totals: Counter[float] = Counter()
    for series, samples in log.items():
        if pod_of(series) == pod and series[0] in ("nginx_http_responses_total", STATUS_PAGE[0]):
            for at, value in samples:
                if at > opening.at:
                    totals[at] += value - values.get(series, 0)
    final = totals[max(totals, default=scraped)]
    before = max((total for at, total in totals.items() if at <= scraped), default=0)
    # If the log was not scraped again, it lacks only this read of the status.
    after = min((total for at, total in totals.items() if at > scraped + LOG_SECONDS), default=final + 1)
    return final if before <= n <= after else n
