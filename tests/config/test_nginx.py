"""Test NGINX's configuration, and which requests NGINX rejects without passing them on to the shop."""

import re
import socket
import ssl
import subprocess
from contextlib import suppress
from string import Template

import psutil
import pytest
import yaml

from lab import http
from lab.runtimes.host.runtime import MIN_FILES
from tests.config.front import HOSTS, ROOT, Front, ending, read_all
from tests.eventually import eventually

METHODS_OF_A_PAGE = "GET, HEAD, POST"


@pytest.mark.parametrize("authority_port", [":8443", ""])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_nginx_accepts_the_configuration_of_every_runtime_without_a_warning(tmp_path, address, authority_port):
    front = Front(tmp_path)
    front.write_listen_conf(authority_port, address)

    done = subprocess.run(front.command("-t"), capture_output=True, text=True, timeout=10)

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not re.search(r"syntax is ok|is successful", line)] == []


def test_no_directive_requires_root_or_an_nginx_newer_than_in_debian_12():
    directives = [
        line.split()[0].rstrip(";")
        for path in (ROOT / "nginx").glob("*.conf*")
        for line in path.read_text().splitlines()
        if re.match(r"\s*[a-z_0-9]+[ ;]", line)
    ]

    assert len(directives) > 100
    assert set(directives) & {"user", "http2", "daemon", "worker_priority"} == set()


def test_every_runtime_allows_a_worker_two_open_files_per_connection():
    text = (ROOT / "nginx" / "nginx.conf").read_text()
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["nginx"]
    limits = dict(re.findall(r"^\s*(worker_rlimit_nofile|worker_connections) (\d+);", text, re.MULTILINE))
    files = int(limits["worker_rlimit_nofile"])

    assert files == 2 * int(limits["worker_connections"])
    assert files <= MIN_FILES
    assert files <= compose["ulimits"]["nofile"]


def test_workers_get_enough_open_files_when_the_hard_limit_is_the_minimum(tmp_path):
    front = Front(tmp_path)
    command = ["prlimit", f"--nofile=1024:{MIN_FILES}", *front.command()]
    with (
        (tmp_path / "logs" / "error.log").open("wb") as log,
        ending(command, stderr=log) as process,
    ):
        workers = eventually(
            lambda: psutil.Process(process.pid).children(),
            because="the workers start",
            wanted=lambda them: len(them) == 2,
        )
        eventually(
            lambda: {worker.rlimit(psutil.RLIMIT_NOFILE)[0] for worker in workers},
            because="each worker raises its limit",
            wanted=lambda limits: limits == {2048},
        )

    assert (tmp_path / "logs" / "error.log").read_text() == ""


def test_only_the_rendered_file_contains_addresses_and_ports():
    fixed = list((ROOT / "nginx").glob("*.conf"))

    found = {path.name: re.findall(r"\d+\.\d+\.\d+\.\d+|:\d{2,5}\b|^\s*listen\b", path.read_text()) for path in fixed}

    assert len(fixed) > 6
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_the_template_has_exactly_the_variables_that_a_runtime_must_set():
    template = Template((ROOT / "nginx" / "listen.conf.template").read_text())

    assert set(template.get_identifiers()) == {
        *("LISTEN_ADDRESS", "SHOP_HTTPS_PORT", "SHOP_HTTP_PORT", "SHOP_HTTPS_AUTHORITY_PORT", "SHOP_HOSTS"),
        *("NGINX_STATUS_PORT", "APP_PORT", "HTTP2", "VISITOR_SCHEME"),
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_get_head_and_post_reach_django(front, method):
    response = front.get("/", method=method)

    assert (response.status, response.line.route, response.line.method) == (200, "product:list", method)


@pytest.mark.parametrize("port", ["https", "http"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOOA", "PROPFIND", "A" * 64])
def test_any_other_method_is_rejected(front, method, port):
    response = front.get("/", method=method, port=getattr(front, port), tls=port == "https")

    assert (response.status, response.line.route, response.line.method) == (405, "refused", "other")
    assert response.all("Allow") == [METHODS_OF_A_PAGE]


@pytest.mark.parametrize("path", ["/", "/static/apple.svg"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_put_and_delete_are_rejected_for_pages_and_static_files(front, method, path):
    assert front.get(path, method=method).status == 405


def test_a_post_to_a_static_file_is_rejected(front):
    response = front.get("/static/apple.svg", method="POST", headers="Content-Length: 0\r\n")

    assert (response.status, response.all("Allow")) == (405, ["GET, HEAD"])


def test_nginx_adds_no_allow_header_to_a_405_from_django(front):
    assert front.get("/?status=405").all("Allow") == []


SPELLINGS = {
    "plain": "/{}",
    "query": "/{}?x=1",
    "trailing slash": "/{}/",
    "beneath": "/{}/more",
    "double slash": "//{}",
    "dot": "/./{}",
    "dots": "/cart/../{}",
    "encoded dots": "/cart/%2e%2e/{}",
    "encoded slash": "/%2f{}",
    "path parameter": "/{};x=1",
    "trailing dot": "/{}.",
    "trailing blank": "/{}%20",
    "line break": "/{}%0a",
    "suffix": "/{}.json",
    "whole address": "https://localhost/{}",
    "from static": "/static/../{}",
}
WRITTEN = {
    "lower case": str,
    "upper case": str.upper,
    "mixed case": str.title,
    "encoded": lambda path: path.replace("t", "%74").replace("n", "%6E"),
    "encoded slash inside": lambda path: path.replace("/", "%2F"),
    "doubled slash inside": lambda path: path.replace("/", "///"),
}


@pytest.mark.parametrize("path", ["metrics", "nginx/status", "nginx", "nginx_status"])
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_the_shop_does_not_serve_metrics_however_the_path_is_spelled(front, written, path):
    responses = {name: front.get(spelling.format(written(path))) for name, spelling in SPELLINGS.items()}

    # The route `refused` is for requests that NGINX rejects itself.
    seen = {name: (response.status, response.line.route) for name, response in responses.items()}
    assert seen == dict.fromkeys(SPELLINGS, (404, "refused"))


@pytest.mark.parametrize("path", ["/metrics%00", "/nginx/status%00", "/../metrics", "/%2e%2e/nginx/status"])
def test_a_malformed_path_does_not_reach_the_metrics(front, path):
    response = front.get(path)

    assert (response.status, response.line.route) == (400, "refused")


def test_the_http_redirect_port_does_not_serve_metrics(front):
    response = front.get("/nginx/status", port=front.http, tls=False)

    assert (response.status, response.all("Location")) == (308, [f"https://localhost:{front.https}/nginx/status"])


def test_the_status_port_serves_only_nginxs_status_page(front):
    paths = ("/nginx/status", "/", "/metrics", "/admin/")

    responses = [front.get(path, port=front.status, tls=False) for path in paths]

    assert [response.status for response in responses] == [200, 404, 404, 404]
    assert responses[0].body.startswith(b"Active connections: ")


def test_requests_to_the_status_port_are_not_in_the_access_log(front):
    before = (front.prefix / "logs" / "access.log").read_bytes().count(b"\n")

    front.get("/nginx/status", port=front.status, tls=False)
    response = front.get("/")

    assert response.line.route == "product:list"
    assert (front.prefix / "logs" / "access.log").read_bytes().count(b"\n") == before + 1


@pytest.mark.parametrize("host", HOSTS)
def test_http_is_redirected_to_the_same_host_over_https(front, host):
    headers = f"Host: {host}:{front.http}\r\n"
    response = front.get("/search/?q=red%20apple&page=2", headers=headers, port=front.http, tls=False)

    assert (response.status, response.line.route) == (308, "redirect")
    assert response.all("Location") == [f"https://{host}:{front.https}/search/?q=red%20apple&page=2"]


@pytest.mark.parametrize("port", ["https", "http"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1", "-", "xn--80ak6aa92e.example"])
def test_an_unknown_host_is_rejected_and_not_echoed(front, host, port):
    response = front.get("/", headers=f"Host: {host}\r\n", port=getattr(front, port), tls=port == "https")

    assert (response.status, response.line.route) == (421, "refused")
    assert response.all("Location") == []
    assert b"evil" not in response.body


@pytest.mark.parametrize("path", ["/not-understood", "/too-many-logins.html", "/unavailable.html"])
@pytest.mark.parametrize(("host", "status"), [("localhost", 404), ("evil.example", 421)])
def test_the_error_pages_of_nginx_cannot_be_requested_directly(front, path, host, status):
    response = front.get(path, headers=f"Host: {host}\r\n")

    assert (response.line.route, response.line.outcome) == ("refused", "-")
    assert response.status in (404, status)


def test_an_unknown_host_does_not_get_a_static_file(front):
    response = front.get("/static/apple.svg", headers="Host: evil.example\r\n")

    assert (response.status, response.line.route) == (421, "refused")


BROKEN = {
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
    "a method in lower case": (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "no path": (b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a control character in a header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: a\0b\r\n\r\n", 400),
    "a header of 10 kB": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 10_000 + b"\r\n\r\n", 400),
    "a path of 10 kB": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a length that is no number": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    "a version of the future": (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    "an unknown transfer coding": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n", 400),
    "two transfer codings": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\na=b", 400),
    "a length below 0": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    "chunks in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a chunk whose size is no number": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\na=b\r\n0\r\n\r\n",
        400,
    ),
    "a foreign address": (b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 421),
    "all of the server": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
    "a path of dots": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a path with a NUL": (b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a path with a broken escape": (b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), BROKEN.values(), ids=BROKEN)
def test_a_malformed_request_is_rejected(front, request_bytes, status):
    response = front.send(request_bytes)

    assert (response.status, response.line.route, response.line.upstream) == (status, "refused", "-")


def test_a_connect_request_is_rejected(front):
    response = front.send(b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    # NGINX 1.29.3 and later support CONNECT, and reject it like every other method that the shop does not use.
    assert response.status in (400, 405)
    assert (response.line.route, response.line.upstream) == ("refused", "-")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("host", HOSTS)
def test_plain_http_on_the_tls_port_is_redirected_to_https(front, host, method):
    headers = f"Host: {host}:{front.https}\r\nContent-Length: 0\r\n"
    response = front.get("/search/?q=red%20apple&page=2", method=method, headers=headers, tls=False)

    assert (response.status, response.line.route, response.line.method) == (308, "redirect", method)
    assert response.all("Location") == [f"https://{host}:{front.https}/search/?q=red%20apple&page=2"]
    assert response.line.outcome == "-"


@pytest.mark.parametrize("path", ["/metrics", "/nginx/status", "/static/apple.svg", "/admin/login/"])
def test_plain_http_on_the_tls_port_serves_no_content(front, path):
    response = front.get(path, tls=False)

    assert (response.status, response.all("Location")) == (308, [f"https://localhost:{front.https}{path}"])


PLAIN_AND_REFUSED = {
    "a version of the future": (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400),
    "an unknown transfer coding": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n", 400),
    "an unknown transfer coding for an unknown host": (
        b"POST / HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: x\r\n\r\n",
        400,
    ),
    "another method": (b"PUT / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
    "an unknown host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
    "an unknown host in the request line": (b"GET http://evil.example/ HTTP/1.0\r\n\r\n", 421),
    "no host in HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", 421),
    "no host in HTTP/1.1": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    "HTTP/2 without TLS": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "control characters": (b"\x00\x01\x02\r\n\r\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), PLAIN_AND_REFUSED.values(), ids=PLAIN_AND_REFUSED)
@pytest.mark.parametrize("port", ["https", "http"])
def test_invalid_plain_http_is_rejected_on_both_ports(front, port, sent, status):
    response = front.send(sent, port=getattr(front, port), tls=False)

    assert (response.status, response.line.route, response.all("Location")) == (status, "refused", [])
    assert b"evil" not in response.body


GARBAGE = {
    "nothing": b"",
    "a TLS record that is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 600,
    "an SSLv2 hello": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x01" * 40,
    "half a TLS record": b"\x16\x03",
    "half a request line": b"GET / HT",
    "a request line alone": b"GET / HTTP/1.1\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "empty lines": b"\r\n\r\n\r\n",
    "a binary protocol": bytes(range(256)),
    "RDP": b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
    "an address after a line of its own": b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "two requests at once": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2,
}


def test_nginx_logs_every_garbage_request_that_it_counts(tmp_path):
    front = Front(tmp_path)
    with front.running(), front.app_running():
        before = status_requests(front)
        for sent in GARBAGE.values():
            for port in (front.https, front.http):
                with front.connection(port=port, tls=False) as connection:
                    connection.sendall(sent)
                    connection.shutdown(socket.SHUT_WR)
                    with suppress(ConnectionResetError):
                        read_all(connection)
            with front.connection() as connection, suppress(ssl.SSLError, OSError):
                connection.sendall(sent)
                connection.unwrap()
        counted = eventually(
            lambda: (len(lines_of(front)), status_requests(front) - before),
            because="NGINX logs each request that it counts",
            wanted=lambda seen: seen[0] == seen[1],
        )

    assert counted[0] > 2 * len(GARBAGE)
    assert {line.split()[2][0] for line in lines_of(front)} <= {"2", "3", "4"}
    assert (tmp_path / "logs" / "error.log").read_text() == ""


def lines_of(front: Front) -> list[str]:
    """Return the lines in the metrics log, except those for the status page."""
    text = (front.prefix / "logs" / "metrics.writing.log").read_text()
    return [line for line in text.splitlines() if not line.startswith("status ")]


def status_requests(front: Front) -> int:
    """Return the request count on NGINX's status page, without requests for the status page itself."""
    log = (front.prefix / "logs" / "metrics.writing.log").read_text().splitlines()
    page = http.get(f"http://127.0.0.1:{front.status}/nginx/status", timeout=5).text
    # Subtract one for this request: it has already been counted, but is logged only after the response.
    return int(page.split()[9]) - sum(line.startswith("status ") for line in log) - 1


BODIES = {
    "10 MB": ("Content-Length: 10485760", b"a" * 10_485_760),
    "300 kB in chunks": ("Transfer-Encoding: chunked", b"493e0\r\n" + b"a" * 300_000 + b"\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize(("header", "body"), BODIES.values(), ids=BODIES)
def test_a_body_larger_than_any_form_of_the_shop_is_rejected(front, header, body):
    head = f"POST /cart/update/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n".encode()
    response = front.send(head + body)

    assert (response.status, response.line.route, response.line.upstream) == (413, "refused", "-")


def test_clients_cannot_fill_the_error_log_with_warnings(tmp_path):
    front = Front(tmp_path)
    with front.running():
        for path, headers in [("/metrics", ""), ("/", "Host: evil.example\r\n"), ("/static/apple.svg", "")]:
            front.get(path, headers=headers)

    assert (tmp_path / "logs" / "error.log").read_text() == ""
