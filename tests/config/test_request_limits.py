"""Test requests at the limits of NGINX and uWSGI. NGINX must reject every request that uWSGI could not accept."""

import re
from contextlib import suppress

import pytest

from tests.config.front import ROOT, Front, Line, read_all

#: The allowed statuses: 200 if the request reaches the app, 400 or 414 if NGINX rejects the headers or the URI.
ALLOWED = {"200", "400", "414"}
URI = 8 * 1024


def query(length: int) -> str:
    return "/?" + "q" * (length - len("/?"))


def test_a_hundred_and_twelve_short_headers_reach_the_app(front):
    response = front.get("/", headers="".join(f"a{number}: 1\r\n" for number in range(1, 113)))

    assert response.status == 200
    assert response.json()["HTTP_A112"] == "1"


def logged(front: Front, uri: str, headers: str) -> Line:
    """Send a request and return its NGINX log line. NGINX may close the connection before the whole request is sent."""
    request = f"GET {uri} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    with front.connection() as connection, suppress(OSError):
        connection.sendall(request.encode())
        read_all(connection)
    return front.next_line()


@pytest.mark.parametrize(
    "header", ["a:\n", "a:\r\n", "a: 1\r\n", "a{}: 1\r\n", "{}:\r\n", "x-{}-abcdefgh: ijklmnop\r\n"]
)
def test_any_number_of_headers_is_accepted_or_rejected_by_nginx(front, header):
    """The test stops at one header above the limit, because NGINX does not read any more headers."""
    most = 2 * 8 * 1024 // len(header.format("")) + 2
    counts = sorted({*range(100, 140, 3), *range(most // 8, most, most // 24), most})

    lines = {count: logged(front, "/", "".join(header.format(n) for n in range(count))) for count in counts}

    statuses = {count: line.status for count, line in lines.items()}
    assert set(statuses.values()) <= ALLOWED, statuses
    assert statuses[100] == "200"
    assert {line.outcome for line in lines.values()} <= {"answered", "-"}


@pytest.mark.parametrize("uri", [1, 4000, URI - 100, URI - 14, URI - 13, URI])
@pytest.mark.parametrize("value", [1, 4000, URI - 100, URI - 6, URI - 5, URI])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_any_length_of_uri_and_headers_is_accepted_or_rejected_by_nginx(front, uri, value, number):
    headers = "".join(f"a{n}: {'v' * value}\r\n" for n in range(number))

    line = logged(front, query(max(uri, 2)), headers)

    assert line.status in ALLOWED
    assert line.outcome in ("answered", "-")


def test_uwsgis_buffer_holds_the_largest_request_that_nginx_accepts():
    """Compute the size of the largest packet: a client fills all of NGINX's buffers, and NGINX sends the URI twice.

    Each variable needs 4 bytes in addition to its name and value, and a header's name gets the prefix ``HTTP_``.
    """
    nginx = (ROOT / "nginx" / "nginx.conf").read_text()
    uwsgi = (ROOT / "app" / "uwsgi.ini").read_text()
    number, kilobytes = map(int, re.search(r"large_client_header_buffers (\d+) (\d+)k;", nginx).groups())
    limits = {name: int(value) for name, value in re.findall(r"^(buffer-size|max-vars) = (\d+)", uwsgi, re.M)}
    # The default client_header_buffer_size is 1 KiB. The shortest header is `a:` with a one-byte line break.
    accepted = 1024 + number * kilobytes * 1024
    most_headers = accepted // 3
    parameters = len(re.findall(r"^uwsgi_param ", (ROOT / "nginx" / "uwsgi_params").read_text(), re.M))
    of_parameters = parameters * 64

    many_headers = most_headers * (4 + len("HTTP_") + 1) + of_parameters
    one_long_uri = accepted + kilobytes * 1024 * 2 + of_parameters

    # The length of a uWSGI packet is a 16-bit number.
    assert max(many_headers, one_long_uri) <= limits["buffer-size"] == 65535
    assert most_headers + parameters <= 2 * limits["max-vars"]
