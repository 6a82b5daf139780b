"""Test what NGINX passes on to the shop, and how it responds."""

import base64
import gzip
import hashlib
import re
import socket
import ssl

import pytest

from tests.config.front import ROOT


@pytest.mark.parametrize(
    ("header", "body"),
    [("Content-Length: 262144\r\n", b"a" * 262_144), ("Transfer-Encoding: chunked\r\n", b"3\r\na=b\r\n0\r\n\r\n")],
    ids=["as large as allowed", "in chunks"],
)
def test_django_receives_the_complete_request_body(front, header, body):
    head = f"POST /cart/update/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n".encode()
    seen = front.send(head + body).json()

    assert seen["body_length"] == (3 if "chunked" in header else 262_144)
    assert int(seen["CONTENT_LENGTH"]) == seen["body_length"]


FORGED = (
    "X-Forwarded-Proto: http\r\nx-forwarded-proto: ftp\r\nX_Forwarded_Proto: http\r\n"
    "X-Request-ID: mine\r\nProxy: http://evil.example\r\nHTTPS: off\r\n"
)


def test_a_client_cannot_forge_the_headers_that_nginx_sets(front):
    response = front.get("/", headers=FORGED)
    seen = response.json()

    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert (seen["HTTPS"], seen["REQUEST_SCHEME"], seen["SERVER_PORT"]) == ("on", "https", str(front.https))
    assert seen["HTTP_X_REQUEST_ID"] != "mine"
    assert "HTTP_PROXY" not in seen
    assert "evil" not in response.body.decode()


#: Variables that change what uWSGI or the app does. A client must not be able to set them with a header.
MEANINGFUL = (
    *("SCRIPT_NAME", "PATH_INFO", "REMOTE_USER", "REMOTE_ADDR", "AUTH_TYPE", "REQUEST_SCHEME", "SCRIPT_URL"),
    *("UWSGI_FILE", "UWSGI_SCRIPT", "UWSGI_SCHEME", "UWSGI_APPID", "UWSGI_TOUCH_RELOAD", "UWSGI_SETENV"),
    *("UWSGI_CHDIR", "UWSGI_PYHOME", "UWSGI_POSTFILE", "UWSGI_CACHE_GET", "HTTPS"),
)


def test_no_client_header_becomes_a_uwsgi_variable(front):
    # Send each header exactly once: NGINX 1.23 and later join the values of a header that is sent twice.
    names = {spelling for name in MEANINGFUL for spelling in (name, name.replace("_", "-"))}
    plain = front.get("/").json()
    forged = front.get("/", headers="".join(f"{name}: forged\r\n" for name in names)).json()

    assert {name for name, value in forged.items() if value == "forged"} == {f"HTTP_{name}" for name in MEANINGFUL}
    assert {name for name in forged.keys() ^ plain.keys() if not name.startswith("HTTP_")} == set()


RANGES = {
    "one": ("bytes=0-3", [206]),
    "two": ("bytes=0-0,2-2", [206]),
    # NGINX 1.29.5 and later send the whole file if the ranges and their headers would be larger than the file.
    "as many as fit": ("bytes=" + ",".join(f"{n}-{n}" for n in range(1000)), [206, 200]),
    "the whole file again and again": ("bytes=" + ",".join(["0-"] * 1500), [200]),
    "beyond the end": ("bytes=99999999-", [416]),
    "no number": ("bytes=a-b", [416]),
    "a number of many digits": ("bytes=-" + "9" * 40, [416]),
    "another unit": ("lines=1-2", [200]),
}


@pytest.mark.parametrize(("ranges", "statuses"), RANGES.values(), ids=RANGES)
def test_range_requests_do_not_multiply_the_size_of_a_response(front, ranges, statuses):
    response = front.get("/static/css/shop.0123456789ab.css", headers=f"Range: {ranges}\r\n")

    assert response.line.route == "static"
    assert response.status in statuses
    assert len(response.body) < 200_000


def test_the_client_the_app_and_the_log_see_the_same_request_id(front):
    responses = [front.get("/") for _ in range(2)]
    ids = [response.all("X-Request-ID") for response in responses]
    logged = front.visitors()

    assert ids[0] != ids[1]
    assert [[response.json()["HTTP_X_REQUEST_ID"]] for response in responses] == ids
    assert [[line["id"]] for line in logged[-2:]] == ids
    assert all(re.fullmatch("[0-9a-f]{32}", one) for (one,) in ids)


def test_the_access_log_is_valid_json_whatever_a_client_sends(front):
    front.get('/"\\%22%0a', headers='User-Agent: "\\\x7f\xff{}\r\n')
    last = front.visitors()[-1]

    assert last["request"] == 'GET /"\\%22%0a HTTP/1.1'
    assert (last["client"], last["route"], last["status"]) == ("127.0.0.1", "other", 200)


def test_the_app_gets_the_path_both_decoded_and_as_sent(front):
    seen = front.get("/search//../search/?q=%C3%A4").json()

    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/search/", "q=%C3%A4")
    assert seen["REQUEST_URI"] == "/search//../search/?q=%C3%A4"
    assert (seen["REQUEST_METHOD"], seen["REMOTE_ADDR"], seen["HTTP_HOST"]) == ("GET", "127.0.0.1", "localhost")


EVERY_KIND = {
    "django": ("/", ""),
    "django's error": ("/?status=500", ""),
    "static": ("/static/apple.svg", ""),
    "no such static": ("/static/none.css", ""),
    "metrics": ("/metrics", ""),
    "no response": ("/?die", ""),
    "unknown host": ("/", "Host: evil.example\r\n"),
}


@pytest.mark.parametrize(("path", "headers"), EVERY_KIND.values(), ids=EVERY_KIND)
def test_every_response_has_the_security_headers_once_and_no_version(front, path, headers):
    response = front.get(path, headers=headers)

    assert response.all("X-Content-Type-Options") == ["nosniff"]
    assert response.all("X-Frame-Options") == ["DENY"]
    assert response.all("Referrer-Policy") == ["same-origin"]
    assert response.all("Cross-Origin-Opener-Policy") == ["same-origin"]
    assert response.all("Permissions-Policy") == ["camera=(), geolocation=(), microphone=(), payment=(), usb=()"]
    assert len(response.all("Content-Security-Policy")) == 1
    assert len(response.all("X-Request-ID")) == 1
    assert response.all("Server") == ["nginx"]


def test_the_content_security_policy_allows_only_the_shops_own_content(front):
    (policy,) = front.get("/").all("Content-Security-Policy")
    pages = [page.read_text() for page in (ROOT / "nginx" / "pages").iterdir()]
    (style,) = {re.search("<style>(.*?)</style>", page, re.DOTALL).group(1) for page in pages}
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'sha256-{digest}'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_only_static_files_with_a_hashed_name_are_cached_for_a_year(front):
    hashed, plain = front.get("/static/css/shop.0123456789ab.css"), front.get("/static/css/shop.css")

    assert hashed.all("Cache-Control") == ["public, max-age=31536000, immutable"]
    assert plain.all("Cache-Control") == ["no-cache"]
    assert hashed.all("Content-Type") == ["text/css; charset=utf-8"]
    assert front.get("/static/apple.svg").all("Content-Type") == ["image/svg+xml; charset=utf-8"]
    assert (hashed.line.route, hashed.line.status, hashed.line.upstream) == ("static", "200", "-")


@pytest.mark.parametrize(
    "path", ["/static/", "/static/css/", "/static/css", "/static/none.css", "/static/none.0123456789ab.css"]
)
def test_a_missing_static_file_is_a_404_without_asking_django(front, path):
    response = front.get(path)

    assert (response.status, response.line.route, response.line.upstream) == (404, "static", "-")
    assert response.all("Cache-Control") == []


def test_a_path_cannot_escape_the_static_folder(front):
    responses = [front.get(path) for path in ("/static/../made/shop.key", "/static/%2e%2e/logs/access.log")]

    assert [response.line.route for response in responses] == ["other", "other"]


def test_text_is_compressed_for_clients_that_accept_gzip(front):
    path = "/static/css/shop.0123456789ab.css"
    plain, small = front.get(path), front.get(path, headers="Accept-Encoding: gzip\r\n")

    assert (plain.all("Content-Encoding"), small.all("Content-Encoding")) == ([], ["gzip"])
    assert plain.all("Vary") == small.all("Vary") == ["Accept-Encoding"]
    assert len(small.body) < len(plain.body) / 5
    assert gzip.decompress(small.body) == plain.body


def test_a_connection_is_kept_alive_for_the_next_request(front):
    with front.connection() as connection:
        for _ in range(2):
            connection.sendall(b"GET /static/apple.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
            assert front.next_line().route == "static"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("newest", "accepted"), [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)]
)
def test_only_tls_1_2_and_newer_are_accepted(front, newest, accepted):
    context = ssl.create_default_context(cafile=front.ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = getattr(ssl.TLSVersion, newest)
    with socket.create_connection(("127.0.0.1", front.https), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                spoken = connection.version()
        except (ssl.SSLError, OSError):
            spoken = None

    assert spoken == (newest.replace("_", ".") if accepted else None)


@pytest.mark.parametrize("status", [500, 503])
def test_djangos_own_errors_are_passed_on(front, status):
    response = front.get(f"/?status={status}")

    assert (response.status, response.json()["QUERY_STRING"]) == (status, f"status={status}")


@pytest.mark.parametrize(
    ("method", "path", "route"), [("GET", "/cart/", "cart:cart-summary"), ("POST", "/cart/update/", "cart:update")]
)
def test_a_friendly_page_is_shown_when_a_worker_dies(front, method, path, route):
    response = front.get(f"{path}?die", method=method)

    assert (response.status, response.line.route, response.line.method) == (502, route, method)
    assert response.body == (ROOT / "nginx" / "pages" / "unavailable.html").read_bytes()
    assert response.all("Content-Type") == ["text/html; charset=utf-8"]


def test_the_friendly_page_cannot_be_requested_directly(front):
    response = front.get("/unavailable.html")

    assert (response.status, response.line.route) == (404, "refused")


def test_harakiri_kills_a_worker_before_nginx_times_out():
    read_timeout = re.search(r"uwsgi_read_timeout (\d+)s;", (ROOT / "nginx" / "shop.conf").read_text()).group(1)
    harakiri = re.search(r"harakiri = (\d+)", (ROOT / "app" / "uwsgi.ini").read_text()).group(1)

    assert 0 < int(read_timeout) - int(harakiri) <= 10
