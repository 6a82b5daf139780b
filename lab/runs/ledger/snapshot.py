"""A snapshot: what the counters of every tier say at one moment at which none of them moves.

Tiers are read one after the other, and somebody may ask the shop between two reads: a probe does, each few seconds. So
all of them are read twice. When NGINX took no request meanwhile but the one that read its status, and nothing else has
moved, what was read is true of one moment: a double collect (Afek et al., Atomic Snapshots of Shared Memory, 1993).
"""

import re
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from lab.runtimes import services
from lab.runtimes.base import Runtime

#: A name, and its labels in order.
Series = tuple[str, tuple[tuple[str, str], ...]]

#: The counters that are compared, by job, and the part whose page has them.
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
    # Last, since reading NGINX's status is a request to NGINX.
    "nginx": ("nginx_http_requests_total", "nginx_connections_reading", "nginx_connections_writing"),
}
EXPORTERS = {"nginx-log": "access-log-exporter", "django": "app", "uwsgi": "uwsgi-exporter", "nginx": "nginx-exporter"}
#: Which job tells since when a job's counters count, and by which metric.
START_TIMES = {
    "nginx-log": ("nginx-log", "nginx_access_log_start_time_seconds"),
    "django": ("django", "pomar_counters_start_time_seconds"),
    "uwsgi": ("django", "pomar_counters_start_time_seconds"),
}
#: Between two looks: longer than mtail takes to see a new line (100 ms).
PAUSE_SECONDS = 0.3
#: How long to wait for a moment at which nothing moves, and for an exporter that does not answer. A request that hangs
#: is ended by NGINX after 35 s.
PATIENCE_SECONDS = 45
SILENCE_SECONDS = 10
#: Every scrape of NGINX's status adds one here.
STATUS_PAGE = ("nginx_status_page_requests_total", ())


@dataclass(frozen=True)
class Snapshot:
    """Each tier's counters at the unix time ``at``.

    ``values`` holds them by job and series. ``silent`` are the jobs that did not answer, with what they said;
    ``fell`` those whose counters went back while they were looked at; ``moving`` says what would not stand still, and
    is empty when the snapshot is exact.
    """

    at: float
    values: dict[str, dict[Series, float]]
    silent: dict[str, str] = field(default_factory=dict)
    fell: dict[str, str] = field(default_factory=dict)
    moving: str = ""

    def as_json(self) -> dict:
        """Return it as plain types."""
        values = {job: [[name, dict(labels), n] for (name, labels), n in of.items()] for job, of in self.values.items()}
        return {"at": self.at, "values": values, "silent": self.silent, "fell": self.fell, "moving": self.moving}

    @classmethod
    def from_json(cls, plain: Mapping) -> "Snapshot":
        """Return what ``as_json`` wrote."""
        values = {
            job: {(name, tuple(sorted(labels.items()))): n for name, labels, n in rows}
            for job, rows in plain["values"].items()
        }
        return cls(plain["at"], values, plain["silent"], plain["fell"], plain["moving"])


def take(runtime: Runtime, patience: float = PATIENCE_SECONDS) -> Snapshot:
    """Return the next snapshot; when nothing would stand still for ``patience`` seconds, one that says what moves."""
    began = time.monotonic()
    fell: dict[str, str] = {}
    last = _look(runtime)
    while True:
        time.sleep(PAUSE_SECONDS)
        at = time.time()
        look = _look(runtime)
        fell = _fallen(last, look) | fell
        moving = _moving(last, look, fell)
        waited = time.monotonic() - began
        silent = waited < SILENCE_SECONDS and look.silent
        # What contradicts itself is at fault, whatever else would come to rest.
        if (not moving and not silent) or waited > (min(patience, SILENCE_SECONDS) if fell else patience):
            # The second read of NGINX's status is not in the log that was read before it.
            values = look.values | ({"nginx": last.values["nginx"]} if "nginx" in last.values else {})
            return Snapshot(at, values, look.silent, fell, moving)
        last = look


def route_of(view: str) -> str:
    """Return NGINX's word for what Django calls a view: for one without a URL name that is a function's, or none."""
    return view if re.fullmatch(r"[\w:-]+", view) else "other"


def series_on(page: str, names: Iterable[str]) -> Iterator[tuple[Series, float]]:
    """Yield the samples of these metrics on a page in Prometheus's text format."""
    wanted = tuple(names)
    lines = [line for line in page.splitlines() if line.startswith(wanted)]
    for family in text_string_to_metric_families("\n".join([*lines, ""])):
        for sample in family.samples:
            if sample.name in wanted:
                yield (sample.name, tuple(sorted(sample.labels.items()))), sample.value


def _look(runtime: Runtime) -> Snapshot:
    values, silent = {}, {}
    for job, names in FAMILIES.items():
        try:
            values[job] = dict(series_on(runtime.read(services.named(EXPORTERS[job]), "/metrics"), names))
        except OSError as error:
            silent[job] = f"{type(error).__name__}"
            continue
        if not values[job]:
            silent[job] = "its page has none of the figures"
            del values[job]
    return Snapshot(time.time(), values, silent)


def counting_since(values: Mapping[str, Mapping[Series, float]], job: str) -> float | None:
    """Return the unix time since which a job's counters count, if somebody tells: uWSGI's begin with Django's."""
    source, name = START_TIMES.get(job, ("", ""))
    return values.get(source, {}).get((name, ()))


def counters(values: Mapping[Series, float]) -> dict[Series, float]:
    """Return the counters among these."""
    return {series: n for series, n in values.items() if series[0].endswith("_total")}


def _fallen(before: Snapshot, after: Snapshot) -> dict[str, str]:
    """Return by job which counter went back between two looks, though nothing began anew.

    NGINX does not tell when it began, and has its counters in one place: there it is a restart.
    """
    found = {}
    for job in START_TIMES:
        old, new = before.values.get(job), after.values.get(job)
        if old is None or new is None or counting_since(before.values, job) != counting_since(after.values, job):
            continue
        for (name, labels), n in counters(old).items():
            if (now := new.get((name, labels), 0)) < n:
                found[job] = f"{name} went back from {n:,.0f} to {now:,.0f}"
    return found


def _moving(before: Snapshot, after: Snapshot, fell: Container[str]) -> str:
    """Say what moved between two looks, those that read NGINX's status left out; nothing when all stood still."""
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
            return f"{name}{of} moved by {by:g}"
    return ""


def _busy(job: str, values: Mapping[Series, float]) -> str:
    """Say what is still under way: a visitor who hung up is gone from NGINX, but not from the worker."""
    if job == "nginx":
        # But for the request that reads it.
        in_flight = sum(n for (name, _), n in values.items() if name.startswith("nginx_connections_")) - 1
        return f"NGINX has {in_flight:.0f} in flight" if in_flight > 0 else ""
    busy = sum(n for (name, _), n in values.items() if name == "uwsgi_worker_busy")
    return f"{busy:.0f} of uWSGI's workers are busy" if busy else ""
