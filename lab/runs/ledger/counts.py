"""What each tier counted of a run, in the words of NGINX's access log: routes, methods, statuses."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

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
    """What each tier counted between two cuts; None for one whose figures cannot be used.

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
