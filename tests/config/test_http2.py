"""Test HTTP/2 on the HTTPS port: how it is negotiated, and that limits, statuses and counts are as for HTTP/1.1."""

import json
import re
import shutil
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from tests.config.front import HOSTS, ROOT, Front, dechunked, read_all
from tests.config.http2 import (
    CONTINUATION,
    DATA,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Http2,
    connected,
    frame,
    headers_frames,
)
from tests.config.test_nginx import METHODS_OF_A_PAGE, lines_of, status_requests
from tests.eventually import eventually


@pytest.fixture(scope="module")
def front(tmp_path_factory) -> Iterator[Front]:
    """NGINX with the test app behind it. Slow clients time out after one second instead of ten."""
    front = Front(tmp_path_factory.mktemp("front"))
    conf = front.prefix / "conf" / "nginx.conf"
    text = conf.read_text()
    conf.unlink()
    conf.write_text(re.sub(r"_timeout 10s;", "_timeout 1s;", text))
    with front.running(), front.app_running():
        yield front
    assert (front.prefix / "logs" / "error.log").read_text() == ""


@contextmanager
def counted(front: Front) -> Iterator[list[str]]:
    """Yield a list. After the block, it contains the log lines of the requests that NGINX counted during the block."""
    lines: list[str] = []
    before = len(all_lines(front))
    yield lines
    lines += all_lines(front)[before:]


def all_lines(front: Front) -> list[str]:
    """Wait until the log has a line for each request that NGINX has counted, and return the lines."""
    lines, _ = eventually(
        lambda: (lines_of(front), status_requests(front)),
        because="NGINX logs each request that it counts",
        wanted=lambda seen: len(seen[0]) == seen[1],
    )
    return lines


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None)],
)
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_http_2_is_negotiated_if_the_client_offers_it(front, offered, chosen, name):
    context = ssl.create_default_context(cafile=front.ca)
    if offered:
        context.set_alpn_protocols(offered)

    plain = socket.create_connection(("127.0.0.1", front.https), timeout=5)
    with context.wrap_socket(plain, server_hostname=name) as connection:
        assert connection.selected_alpn_protocol() == chosen


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_curl_gets_a_page_over_either_version(front, option, version):
    command = ["curl", "--silent", option, "--cacert", front.ca, "--write-out", " %{http_version} %{http_code}"]

    with counted(front) as lines:
        done = subprocess.run(
            [*command, f"https://localhost:{front.https}/"], capture_output=True, text=True, timeout=10
        )

    assert done.stdout.endswith(f" {version} 200"), done
    assert len(lines) == 1


def test_http_2_stays_off_if_nginx_cannot_limit_headers(tmp_path):
    """Some versions of NGINX have no `max_headers` directive, so they reject http2.conf."""
    front = Front(tmp_path)
    assert "http2" in (tmp_path / "made" / "listen.conf").read_text()
    (tmp_path / "conf" / "http2.conf").unlink()
    (tmp_path / "conf" / "http2.conf").write_text("not_a_directive 1000;\n")

    front.write_listen_conf(":8443")

    assert "http2" not in (tmp_path / "made" / "listen.conf").read_text()
    assert subprocess.run(front.command("-t"), capture_output=True, timeout=10).returncode == 0


def test_no_server_with_http_2_listens_without_tls():
    """NGINX 1.25.1 and later would enable HTTP/2 for the connections without TLS, too."""
    template = (ROOT / "nginx" / "listen.conf.template").read_text()
    servers = [re.findall(r"listen (.+);", text) for text in template.split("\nserver {\n")[1:]]

    with_http2 = [listens for listens in servers if any("${HTTP2}" in each for each in listens)]
    assert len(with_http2) == 2
    assert [listens for listens in with_http2 if not all(" ssl" in each for each in listens)] == []


def test_one_connection_cannot_fill_uwsgis_listen_queue():
    streams = re.search(r"^http2_max_concurrent_streams (\d+);", (ROOT / "nginx" / "http2.conf").read_text(), re.M)
    queue = re.search(r"^listen = (\d+)", (ROOT / "app" / "uwsgi.ini").read_text(), re.M)

    assert int(streams[1]) < int(queue[1])


def test_django_sees_the_same_request_as_over_http_1_1(front):
    headers = [("cookie", "a=1; b=2"), ("proxy", "http://evil.example"), ("x-lab-run", "load"), ("x-a", "1")]
    path = "/search/?q=red%20apple"
    with front.connection() as connection, counted(front):
        lines = [f"GET {path} HTTP/1.1", "host: localhost", "connection: close", *(": ".join(each) for each in headers)]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        before = json.loads(dechunked(read_all(connection).partition(b"\r\n\r\n")[2]))

    with connected(front) as client, counted(front):
        # Browsers send each cookie in a separate header.
        stream = client.request(path, [("cookie", "a=1"), ("cookie", "b=2"), *headers[1:]])
        after = json.loads(client.body(stream))

    differs = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differs == {"SERVER_PROTOCOL", "HTTP_X_REQUEST_ID", "REMOTE_PORT", "HTTP_CONNECTION"}
    assert after["SERVER_PROTOCOL"] == "HTTP/2.0"


REQUESTS = {
    **{method: ({"method": method}, 200) for method in METHODS_OF_A_PAGE.split(", ")},
    **{method: ({"method": method}, 405) for method in ("PUT", "CONNECT", "FOOA", "A" * 64)},
    **{host: ({"host": host}, 200) for host in HOSTS},
    "another host": ({"host": "evil.example"}, 421),
    "no host": ({"host": ""}, 400),
    "two hosts": ({"headers": [("host", "evil.example")]}, 400),
    "a method in lower case": ({"method": "get"}, 400),
    "figures": ({"path": "/nginx/status"}, 404),
    "an encoded slash before figures": ({"path": "/%2fmetrics"}, 404),
    "a foreign address": ({"path": "https://evil.example/"}, 400),
    "all of the server": ({"path": "*", "method": "OPTIONS"}, 400),
    "a path of dots": ({"path": "/../../etc/passwd"}, 400),
    "a NUL in the path": ({"path": "/%00"}, 400),
    "a length that is no number": ({"headers": [("content-length", "x")]}, 400),
    "a length without a body": ({"headers": [("content-length", "10")]}, 400),
    "a body of 10 MB": ({"method": "POST", "headers": [("content-length", "10485760")], "end": False}, 413),
    "112 headers": ({"headers": [("a", "1")] * 112}, 200),
    "1,000 headers of one byte": ({"headers": [("a", "")] * 1000}, 200),
    "1,001 headers of one byte": ({"headers": [("a", "")] * 1001}, 400),
    "4,000 headers": ({"headers": [("a", "1")] * 4000}, 400),
    "15,000 headers": ({"headers": [("a", "")] * 15_000}, 400),
    "a header of 8,000 bytes": ({"headers": [("a", "v" * 8_000)]}, 200),
    "a path of 8,000 bytes": ({"path": "/?" + "q" * 8_000}, 200),
    "15 headers of 1,000 bytes": ({"headers": [("a", "v" * 1000)] * 15}, 200),
    # After each of these requests, NGINX closes the connection without a response.
    "a header of 10,000 bytes": ({"headers": [("a", "v" * 10_000)]}, None),
    "a path of 10,000 bytes": ({"path": "/?" + "q" * 10_000}, None),
    "20 headers of 1,000 bytes": ({"headers": [("a", "v" * 1000)] * 20}, None),
    "200 kB of headers": ({"headers": [("a", "v" * 1000)] * 200}, None),
}


@pytest.mark.parametrize(("request_", "status"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_accepted_or_refused_as_over_http_1_1(front, request_, status):
    with counted(front) as lines, connected(front) as client:
        with suppress(OSError):
            client.request(**request_)
        seen = client.statuses(1)
    errors = front.prefix / "logs" / "error.log"
    if status == 413:
        assert "client intended to send too large body" in errors.read_text()
        errors.write_text("")

    assert seen.get(1) == status
    route, _, logged, _, _, _, outcome, _ = lines[0].split()
    assert len(lines) == 1
    assert (logged, outcome) == (str(status or 400), "answered" if status == 200 else "-")
    assert (route == "refused") == (status != 200)
    assert front.visitors()[-1]["status"] == (status or 400)


def test_a_connection_is_closed_after_1000_requests_and_all_are_counted(front):
    with counted(front) as lines, connected(front) as client:
        for _ in range(40):
            for _ in range(25):
                client.request("/metrics")
            assert list(client.statuses(25).values()) == [404] * 25
        assert client.told_to_go

    assert Counter(line.split()[2] for line in lines) == {"404": 1000}


def reset_at_once(client: Http2) -> None:
    """Send 3,000 requests and reset each one, as in the Rapid Reset attack (CVE-2023-44487)."""
    for _ in range(3000):
        stream = client.request("/")
        client.send(frame(RST_STREAM, 0, stream, (8).to_bytes(4)))


def ask_at_once(client: Http2) -> None:
    """Send 3,000 requests without waiting for responses."""
    for _ in range(3000):
        client.request("/")


@pytest.mark.parametrize("attack", [reset_at_once, ask_at_once])
def test_a_flood_of_streams_is_stopped_while_other_clients_are_served(front, attack):
    with counted(front) as lines, connected(front) as client:
        with suppress(OSError):
            attack(client)
        with connected(front) as other:
            other.request("/")
            assert other.statuses(1) == {1: 200}
        # Read until NGINX closes the connection.
        client.statuses(3000)
        assert client.told_to_go

    assert len(lines) <= 1001
    assert {line.split()[2] for line in lines} <= {"200", "499"}


START = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "localhost")]
ODD = {
    "nothing": b"",
    "garbage": b"\xff" * 1000,
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "half a frame": headers_frames(1, START)[:12],
    "two methods": headers_frames(1, [*START, (":method", "GET")]),
    "no scheme": headers_frames(1, [each for each in START if each[0] != ":scheme"]),
    "no path": headers_frames(1, [each for each in START if each[0] != ":path"]),
    "a name in upper case": headers_frames(1, [*START, ("X-A", "1")]),
    "a NUL in a header": headers_frames(1, [*START, ("x-a", "a\0b")]),
    "a line break in a header": headers_frames(1, [*START, ("x-a", "a\r\nb: c")]),
    "an even stream": headers_frames(2, START),
    "stream 0": headers_frames(0, START),
    "a stream twice": headers_frames(1, START) * 2,
    "a trailer": headers_frames(1, START, end=False) + headers_frames(1, [("x-a", "1")]),
    "data before a request": frame(DATA, END_STREAM, 1, b"a"),
    "more data than its length": headers_frames(1, [*START, ("content-length", "1")], end=False)
    + frame(DATA, END_STREAM, 1, b"abc"),
    "a frame between headers": headers_frames(1, START, complete=False) + frame(PING, payload=b"12345678"),
    "endless empty headers": headers_frames(1, START, complete=False) + frame(CONTINUATION, 0, 1) * 5000,
    "headers that cannot be decoded": frame(HEADERS, 0x5, 1, b"\xff" * 50),
    "10,000 pings": frame(PING, payload=b"12345678") * 10_000,
    "10,000 settings": frame(SETTINGS) * 10_000,
    "10,000 priorities": frame(PRIORITY, 0, 1, b"\0\0\0\3\x10") * 10_000,
    "10,000 resets": frame(RST_STREAM, 0, 1, b"\0\0\0\0") * 10_000,
    "a window too large": frame(WINDOW_UPDATE, payload=b"\x7f\xff\xff\xff"),
    "a frame of 1 MB": frame(DATA, 0, 1, b"a" * 1_000_000),
    "an unknown frame": frame(0xFF, 0xFF, 1, b"a") + headers_frames(1, START),
}


def test_the_log_matches_the_request_count_after_odd_frames(front):
    def send(data: bytes) -> None:
        # NGINX may keep the connection open if the frames contain no request, so the timeout is short.
        with connected(front, timeout=2) as client, suppress(OSError):
            client.send(data)
            client.statuses(1)

    with counted(front) as lines, ThreadPoolExecutor(len(ODD)) as pool:
        list(pool.map(send, ODD.values()))
    with connected(front) as client, counted(front):
        client.request("/")
        assert client.statuses(1) == {1: 200}

    assert len(lines) > len(ODD) // 3
    assert {line.split()[2] for line in lines} <= {"200", "400", "408", "499"}


SLOW = {
    "half a frame": (headers_frames(1, START)[:12], "408"),
    "half of the headers": (headers_frames(1, START, complete=False), "408"),
    "no body": (headers_frames(1, [(":method", "POST"), *START[1:]], end=False), "408"),
    "half of a body": (
        headers_frames(1, [(":method", "POST"), *START[1:]], end=False) + frame(DATA, 0, 1, b"a"),
        "408",
    ),
    # The client's flow-control window is 0, so NGINX cannot send a response body.
    "a client that does not read": (frame(SETTINGS, payload=b"\0\4\0\0\0\0") + headers_frames(1, START), "200"),
}


@pytest.mark.parametrize(("sent", "status"), SLOW.values(), ids=SLOW)
def test_a_slow_client_times_out(front, sent, status):
    with counted(front) as lines, connected(front) as client:
        client.send(sent)
        assert RST_STREAM in {each.kind for each in client.frames_of(1)}

    assert [line.split()[2] for line in lines] == [status]
    assert 0.9 < float(lines[0].split()[3]) < 5
