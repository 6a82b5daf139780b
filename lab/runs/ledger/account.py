"""The result of the comparison: a table by route and status, a tier-by-tier statement, and the differences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lab.runs.ledger.comparison import Comparison, Difference
from lab.runs.ledger.counts import BY_NGINX, Counts, Key, Log


@dataclass(frozen=True)
class Row:
    """The counts for one route and status class: sent by Locust, from others, in NGINX's log, and in Django.

    ``logged`` and ``answered`` (Django's responses) are None if the tier's counts cannot be used. ``answered`` is also
    None for routes that NGINX serves itself.
    """

    route: str
    kind: str
    sent: int
    others: int | None
    logged: int | None
    answered: int | None
    remainder: int


class Line(NamedTuple):
    """A line of the statement: a count and its sign. ``=`` marks a tier's count, the sum of the lines above it."""

    sign: str
    count: int
    what: str


@dataclass(frozen=True)
class Account:
    """The result. ``fault`` is the tier at fault if there is exactly one, and ``doubts`` lists the open questions."""

    rows: list[Row]
    lines: list[Line]
    differences: list[Difference]
    fault: str
    doubts: list[str]


def settle(counts: Counts, others: Sequence[Difference] = ()) -> Account:
    """Compare all tiers with usable counts; ``others`` are differences found elsewhere."""
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
            # The largest difference, not the sum, so that two differences that cancel out do not result in 0.
            remainder=max(
                (each.by for each in found.differences if (each.route, each.kind) == (route, kind)), key=abs, default=0
            ),
        )


def _lines(counts: Counts, found: Comparison) -> Iterator[Line]:
    yield Line("", counts.sent.total(), "sent by Locust")
    if counts.load is None:
        return
    yield Line("-", found.never_arrived, "without a response and not in NGINX's access log")
    if not counts.log:
        yield Line("=", counts.load.total(), "from the load run in NGINX's access log")
        return
    yield from _lines_to_nginx(counts.log, counts.load, counts.status)
    yield from _lines_through_nginx(counts.log)
    if counts.app:
        yield from _if_any("-", found.dropped, "dropped by uWSGI before Django received them")
        died = counts.log.connected - counts.app.received - found.dropped
        yield Line("-", died, "lost with their worker before Django received them")
        yield Line("=", counts.app.received, "received by Django, before any middleware")
    if counts.app and counts.workers:
        passed_on = counts.workers.requests - found.dropped
        killed = counts.app.received - passed_on
        stuck = min(counts.workers.harakiri, max(killed, 0))
        yield Line("-", stuck, "killed by harakiri")
        yield Line("-", killed - stuck, "lost in Django with their worker")
        yield from _if_any("+", found.dropped, "dropped by uWSGI, but counted by it")
        yield Line("=", counts.workers.requests, "finished by uWSGI's workers")
        yield from _if_any("-", found.dropped, "dropped by uWSGI")
        yield Line("+", counts.app.responded - passed_on, "responses sent just before their worker died")
        yield Line("=", counts.app.responded, "responses from Django")
    yield from _lines_of_other_statuses(counts.log, found)


def _if_any(sign: str, count: int, what: str) -> Iterator[Line]:
    if count:
        yield Line(sign, count, what)


def _lines_to_nginx(log: Log, load: Counter[Key], status: int | None) -> Iterator[Line]:
    others = log.responses - load
    health = sum(n for key, n in others.items() if key.route.startswith("health:"))
    yield Line("+", health, "health checks")
    yield Line("+", others.total() - health, "from other clients, including the redirect probe")
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
    names = {"static": "static files", "redirect": "redirects to HTTPS", "refused": "refused by NGINX"}
    for route, what in names.items():
        statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(by_route[route].items()))
        yield Line("-", by_route[route].total(), f"{what} ({statuses})" if statuses else what)
    yield Line("-", log.outcomes("unreached"), "that did not reach a worker")
    yield Line("-", log.outcomes("abandoned"), "aborted by the client before they reached a worker")


def _lines_of_other_statuses(log: Log, found: Comparison) -> Iterator[Line]:
    """Yield lines for requests that are included above but have different statuses in two tiers."""
    aborted = sum(n for key, n in log.responses.items() if key.status == "499")
    yield Line("", log.outcomes("retried"), "retried by NGINX after a failure")
    yield Line("", aborted, "aborted by the client (499)")
    yield Line("", found.undelivered, "responses from Django that reached no client (aborted, or worker died)")
    yield Line("", found.slash_added, "404s that CommonMiddleware turned into redirects to the URL with a slash")
    yield Line("", found.by_middleware, "responses from a middleware, without a view")
