"""No request can cause a 5xx, an alert or a remainder in the ledger; invalid requests get a 4xx."""

import socket
import ssl
import time
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from lab.runs import archive, load
from lab.runs.ledger import text
from tests.live.observer import Observer
from tests.live.odd_requests import CSRF, TOKEN, requests
from tests.live.visitors import once_the_load_runs

FUZZ_SECONDS = 45
#: After this time without data, the client closes the connection. Some requests announce a body that is never sent, and
#: NGINX would wait for it much longer.
RESPONSE_SECONDS = 1.5


class TimeIsUp(BaseException):
    """Stops the fuzzer. A BaseException, because Hypothesis would treat an Exception as a failure and shrink it."""


class Client:
    """A client that sends raw bytes, with or without TLS."""

    def __init__(self, observer: Observer, http_port: str) -> None:
        address = urlsplit(observer.shop)
        self._https = (address.hostname, address.port)
        self._http = (address.hostname, int(http_port))
        self._context = ssl.create_default_context(cafile=observer.ca_file)

    def send(self, request: bytes, *, tls: bool = True) -> int | None:
        """Send a request and return the status of the response, or None if there is no response."""
        with socket.create_connection(self._https if tls else self._http, timeout=20) as plain:
            connection = self._context.wrap_socket(plain, server_hostname=self._https[0]) if tls else plain
            with connection:
                # NGINX may respond to an oversized request and close the connection before the client has sent it all.
                with suppress(OSError):
                    connection.sendall(request)
                response = b""
                connection.settimeout(RESPONSE_SECONDS)
                with suppress(OSError):
                    while piece := connection.recv(65536):
                        response += piece
        return int(response[9:12]) if response.startswith(b"HTTP/1.") else None


@pytest.fixture(scope="module")
def client(runtime, observer) -> Client:
    """A client for the shop's HTTP and HTTPS ports."""
    return Client(observer, runtime.settings["SHOP_HTTP_PORT"])


HEAD = b"Host: localhost\r\nConnection: close\r\n"
FORM = b"csrfmiddlewaretoken=" + TOKEN
#: Requests for which NGINX once returned 502, because Django or uWSGI failed to respond, and their status now.
ONCE_WITHOUT_A_RESPONSE = {
    "112 short headers": (b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: 1\r\n" % number for number in range(112)), 200),
    "a long query and long headers": (
        b"GET /?" + b"q" * 8150 + b" HTTP/1.1\r\n" + b"".join(b"a%d: %s\r\n" % (n, b"v" * 8150) for n in range(3)),
        400,
    ),
    "a charset that is not a text encoding": (b"GET /?x HTTP/1.1\r\nContent-Type: a/b;charset=hex\r\n", 200),
    "a parameter in an unknown encoding": (b"GET / HTTP/1.1\r\nContent-Type: a/b; foo*=bogus''%41\r\n", 200),
    "a form in another charset": (
        b"POST /cart/update/ HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n" % (CSRF, len(FORM))
        + b"Content-Type: application/x-www-form-urlencoded; charset=iso-8859-1\r\n",
        404,
    ),
}


@pytest.mark.parametrize(("request_", "status"), ONCE_WITHOUT_A_RESPONSE.values(), ids=ONCE_WITHOUT_A_RESPONSE)
def test_a_request_that_once_got_a_502_gets_a_response(client, request_, status):
    body = FORM if request_.startswith(b"POST") else b""

    assert client.send(request_ + HEAD + b"\r\n" + body) == status


def firing_or_pending(observer: Observer) -> set[str]:
    """Return the names of all pending and firing alerts."""
    return {alert["metric"]["alertname"] for alert in observer.query("ALERTS")}


@pytest.mark.one_runtime("compose")
def test_a_load_run_alongside_the_fuzzer_is_exact_and_raises_no_alert(runtime, observer, client):
    before = firing_or_pending(observer)
    statuses: Counter[int | None] = Counter()
    errors: list[bytes] = []
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    began = []

    @seed(20261126)
    @settings(
        max_examples=100_000,
        deadline=None,
        database=None,
        suppress_health_check=checks,
        phases=(Phase.generate,),
    )
    @given(request=requests(), tls=st.sampled_from([True] * 7 + [False]))
    def fuzz(request: bytes, tls: bool) -> None:
        if time.monotonic() > began[0] + FUZZ_SECONDS:
            raise TimeIsUp
        status = client.send(request, tls=tls)
        statuses[status] += 1
        if status and status >= 500:
            errors.append(request)

    def fuzz_until_time_is_up() -> None:
        began.append(time.monotonic())
        with pytest.raises(TimeIsUp):
            fuzz()

    with once_the_load_runs(observer, fuzz_until_time_is_up):
        code, file = load.shop(runtime, "steady", {"DURATION": f"{FUZZ_SECONDS + 15}s"})
    ledger = archive.read(runtime, file).ledger
    observer.settled_at()

    assert not errors, f"{len(errors)} requests got a 5xx, such as {min(errors, key=len)[:2000]!r}"
    assert statuses.keys() >= {200, 301, 302, 308, 400, 403, 404, 405, 414, 421}
    assert statuses.total() > 300
    assert (code, ledger.verdict) == (0, "exact"), f"\n{text.page(ledger)}"
    assert firing_or_pending(observer) - before == set()
