"""The account of a run: its table by route and status, its statement from tier to tier, and what differs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lab.runs.ledger.comparison import Comparison, Difference
from lab.runs.ledger.counts import BY_NGINX, Counts, Key, Log


@dataclass(frozen=True)
class Row:
    """One route and class of status: what was sent, what others asked for, what NGINX logged, what Django answered.

    ``logged`` and ``answered`` are None where the tier's figures cannot be used or where Django is not asked.
    """

    route: str
    kind: str
    sent: int
    others: int | None
    logged: int | None
    answered: int | None
    remainder: int


class Line(NamedTuple):
    """One line of the statement: a count and its sign; ``=`` is what a tier says, and the sum of those above it."""

    sign: str
    count: int
    what: str


@dataclass(frozen=True)
class Account:
    """The whole comparison: ``fault`` names the tier at fault, if one alone can be, ``doubts`` what cannot be told."""

    rows: list[Row]
    lines: list[Line]
    differences: list[Difference]
    fault: str
    doubts: list[str]


def settle(counts: Counts, others: Sequence[Difference] = ()) -> Account:
    """Compare all tiers that have figures; ``others`` are differences that were found elsewhere."""
    found = Comparison(counts, list(others))
    found.compare()
    return Account(
        list(_rows(counts, found)), list(_lines(counts, found)), found.differences, found.fault, found.doubts
    )


def _rows(counts: Counts, found: Comparison) -> Iterator[Row]:
    load, app = counts.load, counts.app
    logged = counts.log.responses if counts.log else load
    keys = {*counts.sent, *(logged or ()), *(app.responses if app else ())}
    for route, kind in sorted({(key.route, key.kind) for key in keys}):
        those = [key for key in keys if (key.route, key.kind) == (route, kind)]

        def total(tier: Mapping[Key, int], those: list[Key] = those) -> int:
            return sum(tier[key] for key in those)

        yield Row(
            route,
            kind,
            sent=total(counts.sent),
            others=total(logged) - total(load) if counts.log and load is not None else None,
            logged=total(logged) if logged is not None else None,
            answered=total(app.responses) if app and route not in BY_NGINX else None,
            # The largest, since two that cancel out are no zero.
            remainder=max(
                (each.by for each in found.differences if (each.route, each.kind) == (route, kind)), key=abs, default=0
            ),
        )


def _lines(counts: Counts, found: Comparison) -> Iterator[Line]:
    yield Line("", counts.sent.total(), "sent by Locust")
    if counts.load is None:
        return
    yield Line("-", found.never_seen, "that got no answer and are not in NGINX's access log")
    if not counts.log:
        yield Line("=", counts.load.total(), "in NGINX's access log with the load's mark")
        return
    yield from _lines_to_nginx(counts.log, counts.load, counts.status)
    yield from _lines_through_nginx(counts.log)
    if counts.app:
        yield from _if_any("-", found.dropped, "dropped by uWSGI before Django saw them")
        died = counts.log.connected - counts.app.began - found.dropped
        yield Line("-", died, "whose worker died before Django saw it")
        yield Line("=", counts.app.began, "begun by Django, before its middlewares")
    if counts.app and counts.workers:
        passed_on = counts.workers.requests - found.dropped
        killed = counts.app.began - passed_on
        stuck = min(counts.workers.harakiri, max(killed, 0))
        yield Line("-", stuck, "killed for taking too long (harakiri)")
        yield Line("-", killed - stuck, "killed with their worker")
        yield from _if_any("+", found.dropped, "dropped by uWSGI, which counts them")
        yield Line("=", counts.workers.requests, "finished by uWSGI's workers")
        yield from _if_any("-", found.dropped, "dropped by uWSGI")
        yield Line("+", counts.app.answered - passed_on, "answered just before their worker died")
        yield Line("=", counts.app.answered, "answered by Django")
    yield from _lines_of_other_answers(counts.log, found)


def _if_any(sign: str, count: int, what: str) -> Iterator[Line]:
    if count:
        yield Line(sign, count, what)


def _lines_to_nginx(log: Log, load: Counter[Key], status: int | None) -> Iterator[Line]:
    others = log.responses - load
    health = sum(n for key, n in others.items() if key.route.startswith("health:"))
    yield Line("+", health, "health checks")
    yield Line("+", others.total() - health, "of other visitors, the probe of the redirect included")
    yield Line("=", log.responses.total(), "in NGINX's access log")
    if status is not None:
        yield Line("+", log.status_page, "for NGINX's status page")
        yield Line("=", status, "in NGINX's stub_status")


def _lines_through_nginx(log: Log) -> Iterator[Line]:
    yield Line("", log.responses.total(), "in NGINX's access log")
    by_route: dict[str, Counter[str]] = {route: Counter() for route in BY_NGINX}
    for key, n in log.responses.items():
        if key.route in by_route:
            by_route[key.route][key.status] += n
    for route, what in (("static", "static files"), ("redirect", "redirects to TLS"), ("refused", "refused by NGINX")):
        statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(by_route[route].items()))
        yield Line("-", by_route[route].total(), f"{what} ({statuses})" if statuses else what)
    yield Line("-", log.outcomes("unreached"), "that reached no worker")
    yield Line("-", log.outcomes("abandoned"), "aborted by the client before they reached a worker")


def _lines_of_other_answers(log: Log, found: Comparison) -> Iterator[Line]:
    """What is in the sums above, and has another answer at one tier than at the next."""
    cut = sum(n for key, n in log.responses.items() if key.status == "499")
    yield Line("", log.outcomes("retried"), "sent on again by NGINX after a failure")
    yield Line("", cut, "cut by the visitor (499 at NGINX)")
    yield Line("", found.answered_to_nobody, "answered by Django to nobody, since the visitor or the worker had gone")
    yield Line("", found.slash_added, "404s of Django that CommonMiddleware made a redirect to the same with a slash")
    yield Line("", found.by_middleware, "answered by a middleware before any view")
