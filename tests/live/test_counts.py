"""Counts are exact: NGINX, Django and Prometheus count each request once, whatever happens to the workers."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab.runtimes.base import Runtime
from tests.eventually import eventually
from tests.live.observer import SETTLED_SECONDS, Observer, send_signal

#: No persona, probe or health check requests this page while these tests run.
VIEW, PATH = "cart:cart-summary", "/cart/"
DJANGO = {"view": VIEW, "transport": "https", "method": "GET"}


class Counters:
    """One view's counters in each tier, both on the exporters' metrics pages and in Prometheus."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.selectors = {
            "django": f'django_http_requests_total_by_view_transport_method{{view="{VIEW}",method="GET"}}',
            "nginx": f'nginx_http_responses_total{{route="{VIEW}",method="GET",status="200"}}',
        }
        self._page_before = self._on_pages()
        self._before = {
            tier: eventually(
                lambda selector=selector: observer.total(selector),
                because=f"Prometheus has the current value from {tier}",
                timeout=SETTLED_SECONDS,
                wanted=lambda total, tier=tier: total == self._page_before[tier],
            )
            for tier, selector in self.selectors.items()
        }

    def assert_grew_by(self, requests_sent: int) -> None:
        """Fail unless every tier's counters have increased by exactly ``requests_sent``."""
        eventually(
            lambda: self._on_pages()["nginx"] - self._page_before["nginx"] >= requests_sent,
            because="mtail reads the log within a second",
        )
        grown = {tier: after - self._page_before[tier] for tier, after in self._on_pages().items()}
        assert grown == dict.fromkeys(grown, requests_sent)
        for tier, selector in self.selectors.items():
            self._observer.becomes(
                lambda tier=tier, selector=selector: self._observer.total(selector) - self._before[tier],
                requests_sent,
                because=f"{tier} counts each of the {requests_sent} requests sent",
            )

    def _on_pages(self) -> dict[str, float]:
        responses = {"route": VIEW, "method": "GET", "status": "200"}
        name = "django_http_requests_total_by_view_transport_method_total"
        return {
            "django": self._observer.on_page("django", name, **DJANGO),
            "django latency": self._observer.on_page(
                "django", "django_http_requests_latency_seconds_by_view_method_count", view=VIEW, method="GET"
            ),
            "nginx": self._observer.on_page("nginx-log", "nginx_http_responses_total", **responses),
            "nginx latency": self._observer.on_page(
                "nginx-log", "nginx_http_request_duration_seconds_count", route=VIEW, method="GET"
            ),
        }


@pytest.fixture
def counters(observer: Observer) -> Counters:
    """The counters, read before the test."""
    return Counters(observer)


@pytest.fixture
def send(observer: Observer) -> Iterator[Callable[[int], None]]:
    """A function that sends requests to the view over 8 connections; every response must be 200."""
    sessions = [observer.client() for _ in range(8)]

    def get(number: int) -> int:
        answers = (sessions[number].get(f"{observer.shop}{PATH}", timeout=30) for _ in range(shares[number]))
        return sum(answer.status_code == 200 for answer in answers)

    shares: list[int] = []

    def send_requests(count: int) -> None:
        shares[:] = [count // 8 + (number < count % 8) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(get, range(8))) == count

    yield send_requests
    for session in sessions:
        session.close()


def kill_worker(observer: Observer, runtime: Runtime, slot: int) -> int:
    """Kill a worker with SIGKILL once it is running, and return its PID."""

    def attempt() -> int:
        pid = observer.workers()[slot]["pid"]
        killed = pid > 0 and send_signal(runtime, signal.SIGKILL, pid)
        return pid if killed else 0

    return eventually(attempt, because=f"worker {slot} is running")


def test_two_thousand_requests_to_four_workers_are_counted_exactly(counters, send, observer, runtime):
    requests_before = {slot: worker["requests"] for slot, worker in observer.workers().items()}

    send(2_000)

    counters.assert_grew_by(2_000)
    served = [worker["requests"] - requests_before[slot] for slot, worker in observer.workers().items()]
    assert len(served) == int(runtime.settings["UWSGI_WORKERS"])
    assert min(served) > 0, f"each worker should handle some of the requests, not {served}"


@pytest.mark.one_runtime("host")
def test_two_thousand_requests_are_counted_exactly_as_workers_are_killed(counters, send, observer, runtime):
    for slot in sorted(observer.workers()):
        send(400)
        victim = kill_worker(observer, runtime, slot)
        eventually(
            lambda slot=slot, victim=victim: observer.workers()[slot]["pid"] not in (0, victim),
            because="uWSGI's master respawns a killed worker",
        )
    send(400)

    counters.assert_grew_by(2_000)


@pytest.mark.one_runtime("compose")
def test_no_request_is_lost_when_workers_are_recycled_at_max_requests(counters, send, observer, runtime):
    most = 3 * int(runtime.settings["UWSGI_MAX_REQUESTS"]) * int(runtime.settings["UWSGI_WORKERS"])
    before = {slot: worker["respawn_count"] for slot, worker in observer.workers().items()}
    sent = 0

    def recycled() -> list[int]:
        return [slot for slot, worker in observer.workers().items() if worker["respawn_count"] > before[slot]]

    while sent < most and len(recycled()) < len(before):
        send(500)
        sent += 500

    assert recycled() == list(before), f"after {sent} requests, only these workers have been recycled: {recycled()}"
    counters.assert_grew_by(sent)


def test_uwsgi_and_django_count_the_same_requests(observer, send):
    def both() -> tuple[float, float]:
        served = sum(worker["requests"] for worker in observer.workers().values())
        return served, observer.on_page("django", "django_http_requests_before_middlewares_total")

    uwsgi_before, django_before = both()

    send(300)

    uwsgi_after, django_after = both()
    assert django_after - django_before >= 300
    # A probe's request may arrive between reading uWSGI's and Django's counters, either before or after the load.
    assert abs((uwsgi_after - uwsgi_before) - (django_after - django_before)) <= 1


@pytest.fixture(scope="module")
def grown(observer: Observer, shopped: dict) -> Callable[[str], float]:
    """A function that returns how much a selector's total increased during the smoke run."""

    def difference(selector: str) -> float:
        before, after = (observer.total(selector, at=shopped[moment]) for moment in ("before", "after"))
        return after - before

    return difference


def counts_of(result: dict) -> Iterator[tuple[str, str, str, int]]:
    """Yield the load generator's counts: route, method, status and number of requests."""
    for route, methods in result["counts"].items():
        for method, statuses in methods.items():
            for status, count in statuses.items():
                yield route, method, status, count


def test_nginx_counts_match_the_load_by_route_method_and_status(shopped, grown):
    # The redirect is left out, because the blackbox probe requests it too. NGINX counts a refused method as `other`.
    known = [(r, "other" if r == "refused" else m, s, n) for r, m, s, n in counts_of(shopped) if r != "redirect"]

    counted = {
        (route, method, status): grown(
            f'nginx_http_responses_total{{route="{route}",method="{method}",status="{status}"}}'
        )
        for route, method, status, _ in known
    }

    assert len(known) > 15
    assert counted == {(route, method, status): count for route, method, status, count in known}


def test_django_counts_match_the_load_by_view_method_and_status(shopped, grown):
    known = [row for row in counts_of(shopped) if ":" in row[0]]

    counted = {
        (view, method, status): grown(
            "django_http_responses_total_by_status_view_method_total"
            f'{{view="{view}",method="{method}",status="{status}"}}'
        )
        for view, method, status, _ in known
    }

    assert len(known) > 12
    assert counted == {(view, method, status): count for view, method, status, count in known}


def test_the_shops_order_counts_match_the_load(shopped, grown):
    counted = {
        "placed": grown('pomar_orders_total{outcome="placed"}'),
        "refused": grown('pomar_orders_total{outcome="out_of_stock"}'),
        "repeated": grown('pomar_orders_total{outcome="repeated"}'),
        "units": grown("pomar_items_sold_total"),
        "revenue": round(grown("pomar_order_value_euros_sum"), 2),
    }

    assert shopped["orders_placed"] > 0
    assert counted == {
        "placed": shopped["orders_placed"],
        "refused": shopped["orders_refused"],
        "repeated": shopped["orders_repeated"],
        "units": shopped["units"],
        "revenue": float(shopped["revenue"]),
    }
