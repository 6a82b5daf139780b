"""Visitors that send requests and count them. Tests use them as the load while they break something."""

import itertools
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from lab.runs.ledger import books, snapshot
from lab.runs.ledger.books import Ledger
from lab.runs.ledger.snapshot import PATIENCE_SECONDS
from lab.runs.ledger.stored import Prometheus
from lab.runtimes.base import Runtime
from loadtest.tally import Tally
from tests.eventually import eventually
from tests.live.observer import Observer

#: A sequence of requests to the shop, as (path, route) pairs.
WALK = (
    ("/", "product:list"),
    ("/cart/", "cart:cart-summary"),
    ("/search/?q=apple", "product:search"),
    ("/nowhere", "other"),
    ("/cart", "other"),
    ("/admin/nowhere/", "other"),
    ("/static/none.css", "static"),
)


@contextmanager
def once_the_load_runs(observer: Observer, do: Callable[[], object]) -> Iterator[None]:
    """Call ``do`` alongside the block, as soon as the load run that the block starts has sent its first request."""

    def sent() -> float:
        return observer.on_page("nginx-log", "nginx_http_load_responses_total")

    before = sent()

    def wait_and_do() -> None:
        eventually(sent, because="the load is running", timeout=60, wanted=lambda now: now > before)
        do()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(wait_and_do)
        yield
        done.result()


class Visitors:
    """Concurrent visitors, each with its own connection; NGINX counts their requests as the lab's load."""

    def __init__(self, runtime: Runtime, observer: Observer, number: int = 8) -> None:
        self._runtime = runtime
        self._observer = observer
        self._number = number
        self._lock = threading.Lock()
        self.tally = Tally()
        self.mark = {"X-Lab-Token": runtime.token_file.read_text(), "X-Lab-Run": "load"}

    def send(self, times: int, walk: Sequence[tuple[str, str]] = WALK, **headers: str) -> None:
        """Send ``times`` requests in total, divided among the visitors, and wait for the responses."""
        turns = iter(list(itertools.islice(itertools.cycle(walk), times)))
        with ThreadPoolExecutor(self._number) as pool:
            list(pool.map(lambda _: self._visit(turns, headers), range(self._number)))

    @contextmanager
    def walking(self, **headers: str) -> Iterator[None]:
        """Keep sending the requests in ``WALK`` until the end of the block."""
        end = threading.Event()
        turns = itertools.takewhile(lambda _: not end.is_set(), itertools.cycle(WALK))
        with ThreadPoolExecutor(self._number) as pool:
            walks = [pool.submit(self._visit, turns, headers) for _ in range(self._number)]
            try:
                yield
            finally:
                end.set()
            for walk in walks:
                walk.result()

    def hang_up(self, path: str, route: str, **headers: str) -> None:
        """Send a request that takes longer than 200 ms, and close the connection before the response."""
        address = urlsplit(self._observer.shop)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {address.netloc}",
            *(f"{k}: {v}" for k, v in (self.mark | headers).items()),
        ]
        context = ssl.create_default_context(cafile=self._observer.ca_file)
        with (
            socket.create_connection((address.hostname, address.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=address.hostname) as connection,
        ):
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        self._count(route, 0)

    @contextmanager
    def books(self, patience: float = PATIENCE_SECONDS) -> Iterator[list[Ledger]]:
        """Compute the ledger for the requests sent in the block; when the block ends, add it to the yielded list."""
        opening = books.open_books(self._runtime, patience)
        found: list[Ledger] = []
        yield found
        closing = snapshot.take(self._runtime, patience)
        prometheus = Prometheus(self._observer.prometheus, self._runtime.labels)
        found.append(books.balance(prometheus, opening, closing, self.tally.as_json()))

    def statuses(self) -> Counter[int]:
        """Return how often each status was received."""
        return sum((Counter(of) for methods in self.tally.counts.values() for of in methods.values()), Counter())

    def _visit(self, turns: Iterator[tuple[str, str]], headers: Mapping[str, str]) -> None:
        session = self._observer.client()
        session.headers.update(self.mark | headers)
        with session:
            while True:
                with self._lock:
                    turn = next(turns, None)
                if turn is None:
                    return
                path, route = turn
                try:
                    answer = session.get(f"{self._observer.shop}{path}", timeout=50, allow_redirects=False)
                except requests.RequestException:
                    self._count(route, 0)
                else:
                    self._count(route, answer.status_code, answer.elapsed.total_seconds())

    def _count(self, route: str, status: int, seconds: float = 0.0) -> None:
        with self._lock:
            self.tally.request(name=route, method="GET", status=status, failure=None, seconds=seconds)
