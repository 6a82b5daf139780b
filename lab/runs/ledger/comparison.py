"""Compare each tier's counts with the next tier's, and account for every known difference.

These equations hold for a run between two snapshots (all terms are request counts):

    sent by Locust          = the load run in NGINX's access log                              by route, method, status
    NGINX's access log      = NGINX's stub_status - its status page                           in total
    passed on by NGINX      = access log - static files - redirects - refused                 in total
    received by Django      = passed on - not reaching a worker - dropped by uWSGI            before any middleware
    finished by uWSGI       = received by Django - lost with their worker + dropped by uWSGI
    responses from Django   = finished by uWSGI - dropped by uWSGI                            after all middleware
    responses from Django   = NGINX's access log                                              by view, method, status

A request that was aborted by the client (499) or lost with its worker (502, 504) has a different status in Django.
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
    WITHOUT_RESPONSE,
    App,
    Counts,
    Key,
    Log,
    Workers,
)


@dataclass(frozen=True)
class Difference:
    """A mismatch between two tiers' counts, or within one tier: the tiers, a sentence, and the number of requests."""

    between: tuple[str, ...]
    sentence: str
    route: str = ""
    kind: str = ""
    by: int = 0


@dataclass
class Comparison:
    """A comparison in progress: the differences found so far, the tiers compared so far, and terms of the equations."""

    counts: Counts
    differences: list[Difference] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    undelivered: int = 0
    slash_added: int = 0
    by_middleware: int = 0
    dropped: int = 0
    never_arrived: int = 0
    _compared: set[tuple[str, ...]] = field(default_factory=set)

    def compare(self) -> None:
        """Check every equation for which both sides are known."""
        log, workers, app = self.counts.log, self.counts.workers, self.counts.app
        if log and workers and app:
            # uWSGI also counts requests that it cannot pass to Django, such as those larger than its buffer. NGINX gets
            # no response to them.
            self.dropped = min(max(workers.requests - app.received, 0), log.outcomes("unanswered"))
        if log and self.counts.status is not None:
            self._logged_and_status(log, self.counts.status)
        if self.counts.load is not None:
            self._sent_and_logged(self.counts.load)
        else:
            self._sent_without_log()
        if log and self.counts.load is not None:
            self._log_and_itself(log, self.counts.load)
        if app:
            self._django_and_itself(app)
        if log and workers:
            self._passed_on_and_finished(log, workers)
        if log and app:
            self._passed_on_and_received(log, app)
            self._logged_and_responses(log, app)
        if workers and app:
            self._received_and_finished(app, workers)

    @property
    def fault(self) -> str:
        """The tier at fault: the only one that is involved in every difference.

        If several are, those that agree with a third tier are ruled out. If that does not leave exactly one, it is the
        only tier that contradicts itself, or empty if there is no such tier.
        """
        if not self.differences:
            return ""
        by_itself = {tier for each in self.differences for tier in each.between if len(each.between) == 1}
        suspects = set.intersection(*(set(each.between) for each in self.differences))
        if len(suspects) > 1:
            # A tier that a third one agrees with is not at fault.
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
        """Record that these tiers were compared; if ``holds`` is false, also record a difference."""
        self._compared.add(between)
        if not holds:
            self._differ(between, sentence)

    def _logged_and_status(self, log: Log, status: int) -> None:
        logged = log.responses.total() + log.status_page
        what = f"{logged:,} requests in total, including its status page"
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
            # A request without a response is logged with the status that NGINX was about to send.
            known = min(max(logged - sent, 0), unanswered[key.route])
            unanswered[key.route] -= known
            if by := logged - known - sent:
                text = f"Locust sent {sent:,} {key}; NGINX's access log has {logged:,} ({by:+,})"
                self._differ((LOCUST, LOG), text, key, by)
        # The connection failed, or a keep-alive connection was closed while the request was in flight. NGINX counts
        # neither.
        self.never_arrived = unanswered.total()
        if self.never_arrived and self.counts.status is None:
            self.doubts.append(
                f"{self.never_arrived:,} requests from Locust got no response and are not in NGINX's access log; only "
                "NGINX's own count could tell whether they reached NGINX"
            )
        elif self.never_arrived and (LOG, STATUS) not in self._agreeing:
            text = f"{self.never_arrived:,} requests from Locust without a response are not in NGINX's access log"
            self._differ((LOCUST, LOG), text)

    def _log_and_itself(self, log: Log, load: Counter[Key]) -> None:
        for key in sorted(load):
            if load[key] > log.responses[key]:
                self._differ((LOG,), f"NGINX's access log has more {key} from the load run than in total")
        by_route: Counter[str] = Counter()
        for key, n in log.responses.items():
            if key.route not in BY_NGINX:
                by_route[key.route] += n
        for (route, _), n in log.upstream.items():
            by_route[route] -= n
        for route, by in sorted(by_route.items()):
            if by:
                text = f"NGINX's access log has {by:+,} responses for {route} compared with the requests passed on"
                self._differ((LOG,), text)

    def _django_and_itself(self, app: App) -> None:
        self.by_middleware = app.responded - app.responses.total()
        # A worker may die between counting a response by view and counting it in total.
        if self.by_middleware < -self._max_killed():
            self._differ((DJANGO,), f"Django has {-self.by_middleware:,} more responses by view than in total")
        statuses: Counter[str] = Counter()
        for key, n in app.responses.items():
            statuses[key.status] += n
        for status in sorted(statuses | app.by_status):
            views, in_all = statuses[status], app.by_status[status]
            # A worker may die between the two counts.
            if abs(in_all - views) > self._max_killed():
                self._differ((DJANGO,), f"Django has {in_all:,} responses with status {status}, but {views:,} by view")
        if app.received < app.responded:
            self._differ((DJANGO,), f"Django has {app.responded - app.received:,} more responses than requests")

    def _max_killed(self) -> int:
        """Return the maximum number of requests that may have been lost with their worker.

        It cannot exceed the number of respawned workers, or the number of requests to which NGINX got no response. A
        worker that is recycled finishes its request first, so recycling loses no requests.
        """
        log, workers = self.counts.log, self.counts.workers
        bounds = [
            *([workers.respawns] if workers else []),
            *([log.outcomes("unanswered", "cut") - self.dropped] if log else []),
        ]
        return min(bounds, default=0)

    def _logged_and_responses(self, log: Log, app: App) -> None:
        routes = {key.route for key in log.responses | app.responses} - set(BY_NGINX)
        lacking = [each for route in sorted(routes) for each in self._lacking(route, log, app)]
        # Responses from a middleware outside the one that counts views: a redirect, or 400 for an unknown host.
        early = all(by < 0 and key.status in ("301", "400") for key, by in lacking)
        if early and 0 <= -sum(by for _, by in lacking) - self.by_middleware <= self._max_killed():
            lacking = []
        elif self.by_middleware > 0:
            views = f"{app.responses.total():,} ({-self.by_middleware:+,})"
            self._differ((DJANGO,), f"Django has {app.responded:,} responses in total, but by view {views}")
        if self.undelivered > max(app.responded - log.outcomes("answered"), 0) + self._max_killed():
            self._differ((DJANGO,), f"Django has {self.undelivered:,} responses by view that no client waited for")
        for key, by in lacking:
            text = f"NGINX's access log has {log.responses[key]:,} {key}; Django has {app.responses[key]:,} ({by:+,})"
            self._differ((LOG, DJANGO), text, key, by)

    def _lacking(self, route: str, log: Log, app: App) -> list[tuple[Key, int]]:
        """Return the differences between Django's and NGINX's response counts for a route.

        Requests that got no response from Django are not included.
        """
        without_response = sum(
            log.upstream[route, outcome] for outcome in ("unanswered", "unreached", "cut", "abandoned")
        )
        delta = {
            key: app.responses[key] - log.responses[key] for key in log.responses | app.responses if key.route == route
        }
        in_its_place = -sum(delta.pop(key) for key in list(delta) if key.status in WITHOUT_RESPONSE)
        self._check(
            (LOG, DJANGO),
            in_its_place == without_response,
            f"NGINX itself responded to {in_its_place:,} requests for {route}, but {without_response:,} got no "
            "response from Django",
        )
        self._add_slashes(delta)
        surplus = sum(by for by in delta.values() if by > 0)
        if surplus <= without_response:
            self.undelivered += surplus
            delta = {key: min(by, 0) for key, by in delta.items()}
        return [(key, by) for key, by in sorted(delta.items()) if by]

    def _add_slashes(self, delta: dict[Key, int]) -> None:
        """Account for 404s that were counted before CommonMiddleware redirected them to the URL with a slash."""
        for key, by in list(delta.items()):
            not_found = key._replace(status="404")
            if key.route == "other" and key.status == "301" and by < 0 and delta.get(not_found, 0) >= -by:
                self.slash_added -= by
                delta[not_found] += by
                delta[key] = 0

    def _passed_on_and_finished(self, log: Log, workers: Workers) -> None:
        killed = log.connected - workers.requests
        # If a worker dies after sending its response, NGINX and Django count one more request than uWSGI.
        responded = max(self.counts.app.responded - workers.requests, 0) if self.counts.app else 0
        maximum = self._max_killed()
        self._check(
            (LOG, UWSGI),
            workers.harakiri <= killed <= maximum + min(responded, maximum),
            f"NGINX passed on {log.connected:,} requests; uWSGI's workers finished {workers.requests:,} ({-killed:+,})",
        )

    def _passed_on_and_received(self, log: Log, app: App) -> None:
        missed = log.connected - app.received - self.dropped
        self._check(
            (LOG, DJANGO),
            # A worker may die before Django receives the request.
            0 <= missed <= self._max_killed(),
            f"NGINX passed on {log.connected:,} requests; Django received {app.received:,} ({-missed:+,})",
        )

    def _received_and_finished(self, app: App, workers: Workers) -> None:
        maximum = self._max_killed()
        passed_on = workers.requests - self.dropped
        self._check(
            (UWSGI, DJANGO),
            0 <= app.responded - passed_on <= maximum and app.received - passed_on <= 2 * maximum,
            f"uWSGI's workers finished {workers.requests:,} requests; Django received {app.received:,} and responded "
            f"to {app.responded:,}",
        )

    def _sent_without_log(self) -> None:
        """Compare without the access log.

        Only the log separates the load run from other traffic, so each tier may count more than Locust sent.
        """
        sent, app, status = self.counts.sent, self.counts.app, self.counts.status
        for key, n in sorted(sent.items()) if app else ():
            by_django = key.route not in (*BY_NGINX, "other") and key.status not in ("0", *WITHOUT_RESPONSE)
            has = app.responses[key]
            if by_django and has < n:
                text = f"Locust sent {n:,} {key}; Django has {has:,} ({has - n:+,})"
                self._differ((LOCUST, DJANGO), text, key, has - n)
        responses = sum(n for key, n in sent.items() if key.status != "0")
        if status is not None and status < responses:
            text = f"Locust got {responses:,} responses; NGINX's stub_status has {status:,} requests"
            self._differ((LOCUST, STATUS), text)
