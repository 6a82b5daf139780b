"""The comparison of a run: each tier's counts against those of the tier beside it, every known difference named.

The identities, for one run between two snapshots (all of them counts of requests):

    sent by Locust          = those in NGINX's access log that carry the load's mark          by route, method, status
    NGINX's access log      = NGINX's stub_status - its status page                           in all
    passed on by NGINX      = access log - static files - redirects - refused                 in all
    begun by Django         = passed on - reached no worker - dropped by uWSGI                before any middleware
    finished by uWSGI       = begun by Django - killed with their worker + dropped by uWSGI
    answered by Django      = finished by uWSGI - dropped by uWSGI                            after all middlewares
    answered by Django      = NGINX's access log                                              by view, method, status

What is cut by the visitor (499) or lost with a worker (502, 504) has another status at NGINX than in Django.
"""

from collections import Counter
from dataclasses import dataclass, field

from lab.runs.ledger.counts import (
    BY_NGINX,
    DJANGO,
    LOCUST,
    LOG,
    STATUS,
    UWSGI,
    WITHOUT_ANSWER,
    App,
    Counts,
    Key,
    Log,
    Workers,
)


@dataclass(frozen=True)
class Difference:
    """A count that does not follow from its neighbour's: which tiers disagree, on what, and by how many requests."""

    between: tuple[str, ...]
    sentence: str
    route: str = ""
    kind: str = ""
    by: int = 0


@dataclass
class Comparison:
    """The comparison as it is made: what differs, which tiers were compared, and the named terms."""

    counts: Counts
    differences: list[Difference] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    answered_to_nobody: int = 0
    slash_added: int = 0
    by_middleware: int = 0
    dropped: int = 0
    never_seen: int = 0
    _compared: set[tuple[str, ...]] = field(default_factory=set)

    def compare(self) -> None:
        """Check every identity whose two sides are there."""
        log, workers, app = self.counts.log, self.counts.workers, self.counts.app
        if log and workers and app:
            # uWSGI counts a request that it cannot pass on, as one larger than its buffer, and NGINX gets no
            # response to it.
            self.dropped = min(max(workers.requests - app.began, 0), log.outcomes("unanswered"))
        if log and self.counts.status is not None:
            self._logged_and_taken(log, self.counts.status)
        if self.counts.load is not None:
            self._sent_and_logged(self.counts.load)
        else:
            self._sent_and_answered()
        if log and self.counts.load is not None:
            self._log_and_itself(log, self.counts.load)
        if app:
            self._django_and_itself(app)
        if log and workers:
            self._passed_on_and_finished(log, workers)
        if log and app:
            self._passed_on_and_begun(log, app)
            self._logged_and_answered(log, app)
        if workers and app:
            self._begun_and_finished(app, workers)

    @property
    def fault(self) -> str:
        """The tier in every difference that no other agrees with, else the one that contradicts itself.

        Nothing when there is no such tier, or more than one.
        """
        if not self.differences:
            return ""
        by_itself = {tier for each in self.differences for tier in each.between if len(each.between) == 1}
        suspects = set.intersection(*(set(each.between) for each in self.differences))
        if len(suspects) > 1:
            # Whom a third tier agrees with is not at fault.
            suspects -= {tier for pair in self._agreeing for tier in pair if not suspects.issuperset(pair)}
        named = suspects if len(suspects) == 1 else by_itself
        return next(iter(named)) if len(named) == 1 else ""

    @property
    def _agreeing(self) -> set[tuple[str, ...]]:
        return self._compared - {each.between for each in self.differences}

    def _differ(self, between: tuple[str, ...], sentence: str, key: Key | None = None, by: int = 0) -> None:
        route, kind = (key.route, key.kind) if key else ("", "")
        self.differences.append(Difference(between, sentence, route, kind, by))

    def _check(self, between: tuple[str, ...], holds: bool, sentence: str) -> None:
        """Note that these tiers were compared, and the difference unless what must hold does."""
        self._compared.add(between)
        if not holds:
            self._differ(between, sentence)

    def _logged_and_taken(self, log: Log, status: int) -> None:
        logged = log.responses.total() + log.status_page
        what = f"{logged:,} requests in all, its status page included"
        self._check(
            (LOG, STATUS), logged == status, f"{LOG} has {what}; {STATUS} has {status:,} ({status - logged:+,})"
        )

    def _sent_and_logged(self, load: Counter[Key]) -> None:
        self._compared.add((LOCUST, LOG))
        unanswered = Counter({key.route: n for key, n in self.counts.sent.items() if key.status == "0"})
        for key in sorted(self.counts.sent | load):
            sent, logged = self.counts.sent[key], load[key]
            if key.status == "0" or sent == logged:
                continue
            # A visitor who got no answer is in the log with whatever NGINX was about to say.
            known = min(max(logged - sent, 0), unanswered[key.route])
            unanswered[key.route] -= known
            if by := logged - known - sent:
                text = f"Locust sent {sent:,} {key}; NGINX's access log has {logged:,} ({by:+,})"
                self._differ((LOCUST, LOG), text, key, by)
        # Nobody took the connection, or a kept one was closed with the request on its way: NGINX counts none of them.
        self.never_seen = unanswered.total()
        if self.never_seen and self.counts.status is None:
            self.doubts.append(
                f"whether the {self.never_seen:,} requests that are not in NGINX's access log, and that Locust got no "
                "answer to, came to NGINX at all only its own count could tell"
            )
        elif self.never_seen and (LOG, STATUS) not in self._agreeing:
            text = f"{self.never_seen:,} requests to which Locust got no answer are not in NGINX's access log"
            self._differ((LOCUST, LOG), text)

    def _log_and_itself(self, log: Log, load: Counter[Key]) -> None:
        for key in sorted(load):
            if load[key] > log.responses[key]:
                self._differ((LOG,), f"NGINX's access log has more of the load's {key} than in all")
        by_route: Counter[str] = Counter()
        for key, n in log.responses.items():
            if key.route not in BY_NGINX:
                by_route[key.route] += n
        for (route, _), n in log.upstream.items():
            by_route[route] -= n
        for route, by in sorted(by_route.items()):
            if by:
                text = f"NGINX's access log has {by:+,} responses of {route} beside those that were passed on"
                self._differ((LOG,), text)

    def _django_and_itself(self, app: App) -> None:
        self.by_middleware = app.answered - app.responses.total()
        # One that died between the two that count it.
        if self.by_middleware < -self._most_killed():
            self._differ((DJANGO,), f"Django's views answered {-self.by_middleware:,} more than Django did")
        statuses: Counter[str] = Counter()
        for key, n in app.responses.items():
            statuses[key.status] += n
        for status in sorted(statuses | app.by_status):
            views, in_all = statuses[status], app.by_status[status]
            # A worker may die between the one count and the other.
            if abs(in_all - views) > self._most_killed():
                self._differ((DJANGO,), f"Django has {in_all:,} responses {status} by status; {views:,} by view")
        if app.began < app.answered:
            self._differ((DJANGO,), f"Django answered {app.answered - app.began:,} more than it began")

    def _most_killed(self) -> int:
        """How many requests may have died with their worker: as many as died, and as NGINX had no answer to.

        A worker that is renewed ends what it is at first, so that none is lost with it.
        """
        log, workers = self.counts.log, self.counts.workers
        bounds = [
            *([workers.respawns] if workers else []),
            *([log.outcomes("unanswered", "cut") - self.dropped] if log else []),
        ]
        return min(bounds, default=0)

    def _logged_and_answered(self, log: Log, app: App) -> None:
        routes = {key.route for key in log.responses | app.responses} - set(BY_NGINX)
        lacking = [each for route in sorted(routes) for each in self._lacking(route, log, app)]
        # Answered by a middleware further out than the one that counts views: a redirect, or a host that is not ours.
        early = all(by < 0 and key.status in ("301", "400") for key, by in lacking)
        if early and 0 <= -sum(by for _, by in lacking) - self.by_middleware <= self._most_killed():
            lacking = []
        elif self.by_middleware > 0:
            views = f"{app.responses.total():,} ({-self.by_middleware:+,})"
            self._differ((DJANGO,), f"Django answered {app.answered:,} requests; its views {views}")
        if self.answered_to_nobody > max(app.answered - log.outcomes("answered"), 0) + self._most_killed():
            self._differ((DJANGO,), f"Django's views answered {self.answered_to_nobody:,} that nobody waited for")
        for key, by in lacking:
            said = f"NGINX's access log has {log.responses[key]:,} {key}; Django answered {app.responses[key]:,}"
            self._differ((LOG, DJANGO), f"{said} ({by:+,})", key, by)

    def _lacking(self, route: str, log: Log, app: App) -> list[tuple[Key, int]]:
        """Return by how much Django's answers of a route are not NGINX's, those left out that got none from it."""
        without_answer = sum(
            log.upstream[route, outcome] for outcome in ("unanswered", "unreached", "cut", "abandoned")
        )
        delta = {
            key: app.responses[key] - log.responses[key] for key in log.responses | app.responses if key.route == route
        }
        in_its_place = -sum(delta.pop(key) for key in list(delta) if key.status in WITHOUT_ANSWER)
        self._check(
            (LOG, DJANGO),
            in_its_place == without_answer,
            f"NGINX answered {in_its_place:,} of {route} in Django's place; {without_answer:,} got no answer from it",
        )
        self._add_slashes(delta)
        surplus = sum(by for by in delta.values() if by > 0)
        if surplus <= without_answer:
            self.answered_to_nobody += surplus
            delta = {key: min(by, 0) for key, by in delta.items()}
        return [(key, by) for key, by in sorted(delta.items()) if by]

    def _add_slashes(self, delta: dict[Key, int]) -> None:
        """Move what CommonMiddleware made of a 404 after it was counted: a redirect to the address with a slash."""
        for key, by in list(delta.items()):
            not_found = key._replace(status="404")
            if key.route == "other" and key.status == "301" and by < 0 and delta.get(not_found, 0) >= -by:
                self.slash_added -= by
                delta[not_found] += by
                delta[key] = 0

    def _passed_on_and_finished(self, log: Log, workers: Workers) -> None:
        killed = log.connected - workers.requests
        # Some of those that died had their answer already: NGINX and Django then have one more than uWSGI.
        answered = max(self.counts.app.answered - workers.requests, 0) if self.counts.app else 0
        most = self._most_killed()
        self._check(
            (LOG, UWSGI),
            workers.harakiri <= killed <= most + min(answered, most),
            f"NGINX's access log passed on {log.connected:,} requests; uWSGI's workers finished {workers.requests:,} "
            f"({-killed:+,})",
        )

    def _passed_on_and_begun(self, log: Log, app: App) -> None:
        missed = log.connected - app.began - self.dropped
        self._check(
            (LOG, DJANGO),
            # One whose worker died before Django saw it.
            0 <= missed <= self._most_killed(),
            f"NGINX's access log passed on {log.connected:,} requests; Django began {app.began:,} ({-missed:+,})",
        )

    def _begun_and_finished(self, app: App, workers: Workers) -> None:
        most = self._most_killed()
        passed_on = workers.requests - self.dropped
        self._check(
            (UWSGI, DJANGO),
            0 <= app.answered - passed_on <= most and app.began - passed_on <= 2 * most,
            f"uWSGI's workers finished {workers.requests:,} requests; Django began {app.began:,} and answered "
            f"{app.answered:,}",
        )

    def _sent_and_answered(self) -> None:
        """Without an access log nobody tells the load from others: each tier must have at least what was sent."""
        sent, app, status = self.counts.sent, self.counts.app, self.counts.status
        for key, n in sorted(sent.items()) if app else ():
            asked = key.route not in (*BY_NGINX, "other") and key.status not in ("0", *WITHOUT_ANSWER)
            has = app.responses[key]
            if asked and has < n:
                text = f"Locust sent {n:,} {key}; Django answered {has:,} ({has - n:+,})"
                self._differ((LOCUST, DJANGO), text, key, has - n)
        answered = sum(n for key, n in sent.items() if key.status != "0")
        if status is not None and status < answered:
            self._differ((LOCUST, STATUS), f"Locust sent {answered:,} requests; NGINX's stub_status has {status:,}")
