"""Clients cannot create time series, whatever paths, hosts, methods, headers or forms they send."""

import http.client
import random
import ssl
import string
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from tests.eventually import eventually
from tests.live.observer import EXPORTERS

REQUESTS = 10_000


class Stranger:
    """A client that sends requests no browser would send, over one keep-alive connection."""

    def __init__(self, address: str, ca_file: str) -> None:
        self._netloc = urlsplit(address).netloc
        self._context = ssl.create_default_context(cafile=ca_file)
        self._connection: http.client.HTTPSConnection | None = None

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
        """Send one request and return the status of the response."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(self._netloc, context=self._context, timeout=30)
        try:
            self._connection.request(method, path, body=body, headers=headers or {})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.hang_up()
            raise
        if answer.will_close:
            self.hang_up()
        return answer.status

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None


@pytest.fixture
def stranger(observer) -> Iterator[Stranger]:
    """A client from outside the lab."""
    visitor = Stranger(observer.shop, observer.ca_file)
    yield visitor
    visitor.hang_up()


def series(observer) -> set[tuple]:
    """Return every series that the shop's tiers expose, without the exporters' process metrics.

    The label ``worker_id`` is removed, because a worker briefly has no series while it is being recycled.
    """
    return {
        (job, sample.name, *sorted((name, value) for name, value in sample.labels.items() if name != "worker_id"))
        for job in EXPORTERS
        for sample in observer.samples(job)
        if not sample.name.startswith(("go_", "process_", "promhttp_"))
    }


def kinds(chance: random.Random) -> list[tuple[str, str, dict[str, str], bytes | None, set[int]]]:
    """Return one request of each kind, with its acceptable statuses."""
    word = "".join(chance.choices(string.ascii_lowercase + string.digits, k=12))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return [
        ("GET", f"/{word}", {}, None, {404}),
        ("GET", f"/{word}/{word}.php?{word}={word}", {}, None, {404}),
        ("GET", f"/product/{word}/", {}, None, {404}),
        ("GET", f"/category/{word}/", {}, None, {404}),
        ("GET", f"/orders/{word}/", {}, None, {404}),
        ("GET", f"/static/{word}.css", {}, None, {404}),
        ("GET", f"/search/?q={word}", {}, None, {200}),
        ("GET", f"/?page={word}", {}, None, {200}),
        ("GET", quote(f"/{chr(chance.randrange(0x100, 0xD7FF))}"), {}, None, {404}),
        ("GET", "/", {"Host": f"{word}.example"}, None, {421}),
        ("GET", "/", {"Host": f"localhost:{chance.randrange(1, 65535)}"}, None, {200}),
        ("GET", "/", {"Cookie": f"pomar_session={word}; pomar_csrf={word}"}, None, {200}),
        ("GET", "/", {"X-Forwarded-Proto": word, "X-Requested-With": word, "Accept": f"text/{word}"}, None, {200}),
        ("".join(chance.choices(string.ascii_uppercase, k=8)), "/", {}, None, {405}),
        (f"{word} {word}", "/", {}, None, {400}),
        ("PUT", "/", {}, b"x", {405}),
        ("DELETE", f"/product/{word}/", {}, None, {405}),
        ("OPTIONS", "/", {}, None, {405}),
        ("POST", "/cart/update/", form, f"product={word}&quantity={word}".encode(), {403}),
        ("POST", "/checkout/", form, b"name=" + b"x" * 100_000, {403}),
        ("POST", "/checkout/", form, b"x" * 300_000, {413}),
        ("HEAD", f"/{word}", {}, None, {404}),
    ]


@pytest.mark.one_runtime("host")
def test_ten_thousand_strange_requests_create_no_new_series(observer, stranger, shopped):
    def logged() -> float:
        return observer.on_page("nginx-log", "nginx_http_responses_total")

    def wait_for_mtail() -> None:
        """Send ordinary requests and wait until mtail has counted them. By then it has read all earlier lines too."""
        lines = logged()
        for _ in range(50):
            stranger.send("GET", "/")
        eventually(logged, because="mtail reads each line", wanted=lambda seen: seen >= lines + 50)

    chance = random.Random(11)
    for method, path, headers, body, right in kinds(chance):
        assert stranger.send(method, path, headers, body) in right, f"{method} {path} {headers}"
        if body:
            stranger.hang_up()
    wait_for_mtail()
    warm = series(observer)
    answers: dict[int, int] = {}

    for number in range(REQUESTS):
        word = "".join(chance.choices(string.ascii_letters, k=10))
        if number % 5 == 0:
            status = stranger.send("GET", f"/{word}/{number}")
        elif number % 20 == 1:
            status = stranger.send(word.upper(), f"/{word}")
        else:
            status = stranger.send("GET", f"/{word}", {"Host": f"{word}.example"})
        answers[status] = answers.get(status, 0) + 1

    assert answers == {404: REQUESTS // 5, 405: REQUESTS // 20, 421: REQUESTS - REQUESTS // 5 - REQUESTS // 20}
    wait_for_mtail()
    assert series(observer) - warm == set()


def test_no_kind_of_strange_request_causes_a_5xx(observer, stranger, shopped):
    def errors() -> float:
        statuses = {sample.labels["status"] for sample in observer.samples("nginx-log") if "status" in sample.labels}
        return sum(
            observer.on_page("nginx-log", "nginx_http_responses_total", status=status)
            for status in statuses
            if status.startswith("5")
        )

    before = errors()
    chance = random.Random(12)

    for _ in range(10):
        for method, path, headers, body, right in kinds(chance):
            assert stranger.send(method, path, headers, body) in right, f"{method} {path} {headers}"
            if body:
                stranger.hang_up()

    assert errors() == before
