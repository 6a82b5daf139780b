"""A snapshot: the values of all tiers' counters at one moment.

The exporters are read one after the other, and requests, such as the probe's, may arrive between two reads. So all
exporters are read twice. If no counter has changed in between, apart from NGINX's count of the reads themselves, the
values belong to one moment: a double collect (Afek et al., Atomic Snapshots of Shared Memory, 1993).

If the shop runs in several pods, they are read one after the other, because no request is in two of them. Their series
have the label ``pod``, as in Prometheus.
"""

import re
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from lab.runtimes import services
from lab.runtimes.base import Runtime

#: A metric name and its sorted labels.
Series = tuple[str, tuple[tuple[str, str], ...]]

#: The metrics to read, by job.
FAMILIES = {
    "nginx-log": (
        "nginx_http_responses_total",
        "nginx_http_load_responses_total",
        "nginx_http_upstream_requests_total",
        "nginx_status_page_requests_total",
        "nginx_access_log_start_time_seconds",
    ),
    "django": (
        "django_http_requests_before_middlewares_total",
        "django_http_responses_before_middlewares_total",
        "django_http_responses_total_by_status_total",
        "django_http_responses_total_by_status_view_method_total",
        "pomar_counters_start_time_seconds",
    ),
    "uwsgi": (
        "uwsgi_worker_requests_total",
        "uwsgi_worker_harakiri_count_total",
        "uwsgi_worker_respawn_count_total",
        "uwsgi_worker_busy",
    ),
    # Last, because reading NGINX's status is itself a request to NGINX.
    "nginx": ("nginx_http_requests_total", "nginx_connections_reading", "nginx_connections_writing"),
}
EXPORTERS = {"nginx-log": "access-log-exporter", "django": "app", "uwsgi": "uwsgi-exporter", "nginx": "nginx-exporter"}
#: For each job: the source of its counters' start time, as a job and a metric.
START_TIMES = {
    "nginx-log": ("nginx-log", "nginx_access_log_start_time_seconds"),
    "django": ("django", "pomar_counters_start_time_seconds"),
    "uwsgi": ("django", "pomar_counters_start_time_seconds"),
}
#: The pause between two reads: longer than mtail takes to notice a new line (100 ms).
PAUSE_SECONDS = 0.3
#: How long to wait for a moment when no counter changes, and for an exporter that does not respond. NGINX aborts a
#: hanging request after 35 s.
PATIENCE_SECONDS = 45
SILENCE_SECONDS = 10
#: The counter that each read of NGINX's status page increases.
STATUS_PAGE = ("nginx_status_page_requests_total", ())


@dataclass(frozen=True)
class Snapshot:
    """The counters of all tiers at the Unix time ``at``.

    ``values`` contains the counters by job and series. ``silent`` contains the jobs that did not respond, with the
    error. ``fell`` contains the jobs with a counter that decreased between two reads, and a description of the
    decrease. ``moving`` says what kept changing; it is empty for an exact snapshot. If the pods have names, ``at`` and
    ``until`` are when the first and the last of them was read. Otherwise, ``until`` is 0.
    """

    at: float
    values: dict[str, dict[Series, float]]
    silent: dict[str, str] = field(default_factory=dict)
    fell: dict[str, str] = field(default_factory=dict)
    moving: str = ""
    until: float = 0

    @property
    def end(self) -> float:
        """The Unix time from which on nothing that happened is in the snapshot."""
        return self.until or self.at

    def as_json(self) -> dict:
        """Return the snapshot as JSON types."""
        values = {job: [[name, dict(labels), n] for (name, labels), n in of.items()] for job, of in self.values.items()}
        plain = {"at": self.at, "values": values, "silent": self.silent, "fell": self.fell, "moving": self.moving}
        return plain | ({"until": self.until} if self.until else {})

    @classmethod
    def from_json(cls, plain: Mapping) -> "Snapshot":
        """Rebuild a snapshot from the result of ``as_json``."""
        values = {
            job: {(name, tuple(sorted(labels.items()))): n for name, labels, n in rows}
            for job, rows in plain["values"].items()
        }
        return cls(plain["at"], values, plain["silent"], plain["fell"], plain["moving"], plain.get("until", cls.until))


def take(runtime: Runtime, patience: float = PATIENCE_SECONDS) -> Snapshot:
    """Return a snapshot. After ``patience`` seconds without a quiet moment, return one that says what kept changing."""
    deadline = time.monotonic() + patience
    while True:
        late = time.monotonic() > deadline
        try:
            pods = runtime.pods()
            stopping = ", ".join(f"pod {pod} {change}" for pod, change in pods.items() if change)
            if late or not stopping:
                found = {pod: _take(runtime, pod, deadline - time.monotonic()) for pod in pods}
                if late or runtime.pods() == pods:
                    return _merged(found, stopping)
        except OSError as error:
            if late:
                silent = dict.fromkeys(FAMILIES, f"{type(error).__name__} when listing the pods")
                return Snapshot(time.time(), {}, silent)
        time.sleep(PAUSE_SECONDS)


def _merged(found: Mapping[str, Snapshot], stopping: str) -> Snapshot:
    """Return the snapshots of all pods as one. ``stopping`` says which of them are being stopped."""
    if found.keys() == {""}:
        return found[""]
    values: dict[str, dict[Series, float]] = {job: {} for job in FAMILIES}
    silent, fell = dict.fromkeys(FAMILIES if not found else (), "no pod is running"), {}
    moving = [stopping] if stopping else []
    for pod, of in found.items():
        for job, series in of.values.items():
            values[job] |= {(name, tuple(sorted((*labels, ("pod", pod))))): n for (name, labels), n in series.items()}
        silent |= {job: f"{why} in pod {pod}" for job, why in of.silent.items()}
        fell |= {job: f"{what} in pod {pod}" for job, what in of.fell.items()}
        moving += [f"{of.moving} in pod {pod}"] if of.moving else []
    times = [of.at for of in found.values()] or [time.time()]
    values = {job: of for job, of in values.items() if job not in silent}
    return Snapshot(min(times), values, silent, fell, ", ".join(moving), until=max(times))


def _take(runtime: Runtime, pod: str, patience: float) -> Snapshot:
    """Return a snapshot of one pod."""
    began = time.monotonic()
    fell: dict[str, str] = {}
    last = _read(runtime, pod)
    while True:
        time.sleep(PAUSE_SECONDS)
        at = time.time()
        latest = _read(runtime, pod)
        fell = _fallen(last, latest) | fell
        moving = _moving(last, latest, fell)
        waited = time.monotonic() - began
        silent = waited < SILENCE_SECONDS and latest.silent
        # Once a counter has decreased, its tier is at fault, and waiting longer would not change that.
        if (not moving and not silent) or waited > (min(patience, SILENCE_SECONDS) if fell else patience):
            # The log was read before NGINX's status, so it does not contain the second read of the status yet.
            values = latest.values | ({"nginx": last.values["nginx"]} if "nginx" in last.values else {})
            return Snapshot(at, values, latest.silent, fell, moving)
        last = latest


def route_of(view: str) -> str:
    """Return NGINX's route for a Django view: its URL name, or ``other`` for a view without one."""
    return view if re.fullmatch(r"[\w:-]+", view) else "other"


def series_on(page: str, names: Iterable[str]) -> Iterator[tuple[Series, float]]:
    """Yield the samples of these metrics from a page in Prometheus's text format."""
    wanted = tuple(names)
    lines = [line for line in page.splitlines() if line.startswith(wanted)]
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in family.samples:
            if sample.name in wanted:
                yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def _read(runtime: Runtime, pod: str) -> Snapshot:
    values, silent = {}, {}
    for job, names in FAMILIES.items():
        try:
            page = runtime.read(services.named(EXPORTERS[job]), "/metrics", pod=pod)
            values[job] = dict(series_on(page, names))
        except OSError as error:
            silent[job] = f"{type(error).__name__}"
            continue
        if not values[job]:
            silent[job] = "none of the expected metrics are on its page"
            del values[job]
    return Snapshot(time.time(), values, silent)


def pod_of(series: Series) -> str:
    """Return the name of the pod that a series belongs to; empty if the pod has no name."""
    return dict(series[1]).get("pod", "")


def pods_of(values: Iterable[Series]) -> set[str]:
    """Return the names of the pods that these series belong to."""
    return {pod_of(series) for series in values}


def counting_since(values: Mapping[str, Mapping[Series, float]], job: str) -> dict[str, float]:
    """Return the Unix time when a job's counters started in each pod, if known. uWSGI's and Django's start together."""
    source, metric = START_TIMES.get(job, ("", ""))
    return {pod_of(series): n for series, n in values.get(source, {}).items() if series[0] == metric}


def counters(values: Mapping[Series, float]) -> dict[Series, float]:
    """Return only the counters: the series whose names end in ``_total``."""
    return {series: n for series, n in values.items() if series[0].endswith("_total")}


def _fallen(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return, for each affected job, a description of a counter that decreased between two reads without a restart.

    NGINX is excluded: it does not report a start time, and all its workers share their counters, so a decrease means a
    restart.
    """
    found = {}
    for job in START_TIMES:
        old, new = before.values.get(job), after.values.get(job)
        if old is None or new is None or counting_since(before.values, job) != counting_since(after.values, job):
            continue
        for (name, labels), n in counters(old).items():
            if (now := new.get((name, labels), 0)) < n:
                found[job] = f"{name} decreased from {n:,.0f} to {now:,.0f}"
    return found


def _moving(before: Snapshot, after: Snapshot, fell: Container[str]) -> str:
    """Return what changed between two reads, apart from the reads of NGINX's status; empty if nothing did."""
    for job in FAMILIES:
        if job in fell or job not in before.values or job not in after.values:
            continue
        if busy := _busy(job, after.values[job]):
            return busy
        old, new = counters(before.values[job]), counters(after.values[job])
        if job == "nginx":
            old["nginx_http_requests_total", ()] += 1
        if job == "nginx-log" and "nginx" in before.values:
            old[STATUS_PAGE] = old.get(STATUS_PAGE, 0) + 1
        moved = [(key, new.get(key, 0) - old.get(key, 0)) for key in old | new if old.get(key, 0) != new.get(key, 0)]
        if moved:
            (name, labels), by = moved[0]
            of = f" of {', '.join(value for _, value in labels)}" if labels else ""
            return f"{name}{of} changed by {by:+g}"
    return ""


def _busy(job: str, values: Mapping[Series, float]) -> str:
    """Return what is still in progress. A worker may still be processing a request that its client has aborted."""
    if job == "nginx":
        # Minus the request that reads the status.
        in_flight = sum(n for (name, _), n in values.items() if name.startswith("nginx_connections_")) - 1
        return f"NGINX has {in_flight:.0f} requests in flight" if in_flight > 0 else ""
    busy = sum(n for (name, _), n in values.items() if name == "uwsgi_worker_busy")
    return f"{busy:.0f} uWSGI worker{'s are' if busy > 1 else ' is'} busy" if busy else ""
