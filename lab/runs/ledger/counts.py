"""Each tier's counts for a run, by route, method and status as in NGINX's access log."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lab.runs.ledger.snapshot import Series, route_of

LOCUST = "Locust"
LOG = "NGINX's access log"
STATUS = "NGINX's stub_status"
UWSGI = "uWSGI"
DJANGO = "Django"
PROMETHEUS = "Prometheus"

#: Statuses that NGINX itself logs when uWSGI sent no response: aborted by the client, worker died, timeout.
WITHOUT_RESPONSE = ("499", "502", "504")
#: Routes that NGINX serves without uWSGI.
BY_NGINX = ("static", "redirect", "refused")
#: The methods in the access log. All others are logged as `other`.
METHODS = ("GET", "HEAD", "POST")
#: The metric that counts only the load run's requests in the access log.
LOADS_OWN = "nginx_http_load_responses_total"


class Key(NamedTuple):
    """A kind of request and its response status. The status is ``0`` when the client got no response."""

    route: str
    method: str
    status: str

    def __str__(self) -> str:
        status = "without a response" if self.status == "0" else self.status
        return f"{self.method} {self.route} {status}"

    @property
    def kind(self) -> str:
        """The status class, as shown in the ledger's rows."""
        return {"0": "no response", "499": "aborted (499)"}.get(self.status, f"{self.status[0]}xx")


class Log(NamedTuple):
    """Counts from NGINX's access log: responses, requests to uWSGI by (route, outcome), and status page requests."""

    responses: Counter[Key]
    upstream: Counter[tuple[str, str]]
    status_page: int

    @property
    def connected(self) -> int:
        """The number of requests passed on to uWSGI that reached a worker or the listen queue."""
        return self.upstream.total() - self.outcomes("unreached", "abandoned")

    def outcomes(self, *outcomes: str) -> int:
        """Return the number of requests passed on to uWSGI that had one of these outcomes."""
        return sum(n for (_, each), n in self.upstream.items() if each in outcomes)


class Workers(NamedTuple):
    """Counts from uWSGI: requests finished by workers, workers killed by harakiri, workers respawned."""

    requests: int
    harakiri: int
    respawns: int


class App(NamedTuple):
    """Counts from Django: requests seen by its outermost middleware, and responses by view and by status.

    A request is counted in ``received`` before any middleware, and in ``responded`` after all of them.
    """

    received: int
    responded: int
    responses: Counter[Key]
    by_status: Counter[str]


@dataclass(frozen=True)
class Counts:
    """Each tier's counts between two snapshots; None for a tier whose counts cannot be used.

    ``sent`` is Locust's count, and ``load`` is the count of the same requests in NGINX's access log. ``status`` is
    NGINX's own request counter (stub_status), including requests for its status page.
    """

    sent: Counter[Key]
    load: Counter[Key] | None = None
    log: Log | None = None
    status: int | None = None
    workers: Workers | None = None
    app: App | None = None


def routes_of_load_alone(counts: Counts) -> frozenset[str]:
    """Return the routes for which all tiers timed the same requests.

    Only the load run requested these routes, and each of its requests got a response.
    """
    if counts.log is None or counts.load is None:
        return frozenset()
    shared = {key.route for key in counts.log.responses - counts.load}
    unanswered = {route for (route, outcome), n in counts.log.upstream.items() if n and outcome != "answered"}
    return frozenset({key.route for key in counts.sent} - shared - unanswered)


def counts_of(result: Mapping, increases: Mapping[str, Mapping[Series, float]], *, only_load: bool = False) -> Counts:
    """Return the counts of all tiers from a run's result and the increases in each job's counters.

    With ``only_load``, return only Locust's counts and the load run's counts in the access log.
    """
    sent = Counter(
        {
            Key(route, method if method in METHODS else "other", status): n
            for route, methods in result["counts"].items()
            for method, statuses in methods.items()
            for status, n in statuses.items()
        }
    )
    of = increases.get("nginx-log")
    load = _keys(of, LOADS_OWN, "route") if of else None
    if only_load:
        return Counts(sent, load)
    log = workers = app = status = None
    if of:
        upstream: Counter[tuple[str, str]] = Counter()
        for labels, n in _of(of, "nginx_http_upstream_requests_total"):
            upstream[labels["route"], labels["outcome"]] += n
        log = Log(
            _keys(of, "nginx_http_responses_total", "route"),
            upstream,
            _sum(of, "nginx_status_page_requests_total"),
        )
    if of := increases.get("uwsgi"):
        names = ("uwsgi_worker_requests_total", "uwsgi_worker_harakiri_count_total", "uwsgi_worker_respawn_count_total")
        workers = Workers(*(_sum(of, name) for name in names))
    if of := increases.get("django"):
        by_status: Counter[str] = Counter()
        for labels, n in _of(of, "django_http_responses_total_by_status_total"):
            by_status[labels["status"]] += n
        app = App(
            _sum(of, "django_http_requests_before_middlewares_total"),
            _sum(of, "django_http_responses_before_middlewares_total"),
            _keys(of, "django_http_responses_total_by_status_view_method_total", "view"),
            +by_status,
        )
    if of := increases.get("nginx"):
        status = _sum(of, "nginx_http_requests_total")
    return Counts(sent, load, log, status, workers, app)


def _of(increase: Mapping[Series, float], wanted: str) -> list[tuple[dict[str, str], int]]:
    return [(dict(labels), int(n)) for (name, labels), n in increase.items() if name == wanted]


def _sum(increase: Mapping[Series, float], wanted: str) -> int:
    return sum(n for _, n in _of(increase, wanted))


def _keys(increase: Mapping[Series, float], wanted: str, label: str) -> Counter[Key]:
    keys: Counter[Key] = Counter()
    for labels, n in _of(increase, wanted):
        keys[Key(route_of(labels[label]), labels["method"], labels["status"])] += n
    return +keys
