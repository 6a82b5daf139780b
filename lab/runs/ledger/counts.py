"""What each tier counted of a run, in the words of NGINX's access log: routes, methods, statuses."""

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

#: What NGINX answers itself when nothing came back from uWSGI: the visitor hung up, the worker died, it took too long.
WITHOUT_ANSWER = ("499", "502", "504")
#: Routes that NGINX answers itself.
BY_NGINX = ("static", "redirect", "refused")
#: In the log of methods there are these and `other`.
METHODS = ("GET", "HEAD", "POST")
#: Counts in the access log what carries the load's mark, and nothing else.
LOADS_OWN = "nginx_http_load_responses_total"


class Key(NamedTuple):
    """A kind of request and its answer; ``status`` is ``0`` when the visitor got none."""

    route: str
    method: str
    status: str

    def __str__(self) -> str:
        answer = "without an answer" if self.status == "0" else self.status
        return f"{self.method} {self.route} {answer}"

    @property
    def kind(self) -> str:
        """The class of its status, as a row of the ledger."""
        return {"0": "no answer", "499": "cut (499)"}.get(self.status, f"{self.status[0]}xx")


class Log(NamedTuple):
    """What NGINX's access log says: all responses, those passed on by (route, outcome), and its status page."""

    responses: Counter[Key]
    upstream: Counter[tuple[str, str]]
    status_page: int

    @property
    def connected(self) -> int:
        """How many requests were passed on and reached a worker, or the queue in front of them."""
        return self.upstream.total() - self.outcomes("unreached", "abandoned")

    def outcomes(self, *outcomes: str) -> int:
        """How many requests that were passed on had one of these outcomes."""
        return sum(n for (_, each), n in self.upstream.items() if each in outcomes)


class Workers(NamedTuple):
    """What uWSGI counted: requests that a worker finished, workers killed for being stuck, workers made anew."""

    requests: int
    harakiri: int
    respawns: int


class App(NamedTuple):
    """What Django counted: requests begun and answered at its outermost middleware, and responses by view or status."""

    began: int
    answered: int
    responses: Counter[Key]
    by_status: Counter[str]


@dataclass(frozen=True)
class Counts:
    """What each tier counted between two snapshots; None for one whose figures cannot be used.

    ``sent`` is Locust's, ``load`` what NGINX's access log has of it, ``status`` NGINX's own counter of requests, those
    of its status page included.
    """

    sent: Counter[Key]
    load: Counter[Key] | None = None
    log: Log | None = None
    status: int | None = None
    workers: Workers | None = None
    app: App | None = None


def routes_of_load_alone(counts: Counts) -> frozenset[str]:
    """Return the routes that nobody but the load asked for, each time with an answer: their times are of the same."""
    if counts.log is None or counts.load is None:
        return frozenset()
    shared = {key.route for key in counts.log.responses - counts.load}
    unanswered = {route for (route, outcome), n in counts.log.upstream.items() if n and outcome != "answered"}
    return frozenset({key.route for key in counts.sent} - shared - unanswered)


def counts_of(result: Mapping, increases: Mapping[str, Mapping[Series, float]], *, only_load: bool = False) -> Counts:
    """Return what the load sent and what each job's counters grew by, as the tiers' counts.

    With ``only_load`` those of the access log that carry the load's mark, and of the other tiers nothing.
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
        log = Log(
            _keys(of, "nginx_http_responses_total", "route"),
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
            +Counter({labels["status"]: n for labels, n in _of(of, "django_http_responses_total_by_status_total")}),
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
