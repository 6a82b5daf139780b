"""Test that Django responds to any Content-Type, through the WSGI application and with CSRF protection on."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from config import errors
from config.content_type import plain
from config.wsgi import application
from django.contrib.sessions.backends.db import SessionStore
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http.multipartparser import MultiPartParser
from django.test import RequestFactory
from django.urls import reverse

from tests.app.shopping import make_product

pytestmark = pytest.mark.django_db

ODD = [
    "a/b;charset=hex",
    "a/b; foo*=bogus''%41",
    "a/b; charset*=hex''%41",
    "application/x-www-form-urlencoded; charset=iso-8859-1",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/x-www-form-urlencoded; charset=hex",
    "application/x-www-form-urlencoded; charset=undefined",
    "application/x-www-form-urlencoded; foo*=bogus''%41",
    "multipart/form-data",
    "multipart/form-data; boundary=x; charset=hex",
    "multipart/form-data; boundary*=bogus''x",
    "multipart/form-data; boundary*0=a; boundary*1=b",
    "multipart/form-data; boundary=" + "x" * 71,
    'multipart/form-data; boundary="a\x00b"',
    "multipart/form-data; boundary=\xff\xfe",
    "multipart/mixed; boundary=x",
    ";",
    ";;charset=hex",
    "charset=hex",
    "=?utf-8?q?a?=/b; charset=hex",
    "a/b" + ";a*=x''%41" * 500,
    '"',
    "\xff",
]
BODIES = [b"", b"x=1", b"--x\r\nnonsense", b"\xff\x00"]


def respond(method: str, path: str, content_type: str, body: bytes = b"", **variables: str) -> int:
    """Send a request through the shop's WSGI application and return the status."""
    environ = RequestFactory(enforce_csrf_checks=True)._base_environ(
        REQUEST_METHOD=method,
        PATH_INFO=path,
        CONTENT_TYPE=content_type,
        CONTENT_LENGTH=str(len(body)),
        HTTP_HOST="localhost",
        HTTP_ORIGIN="https://localhost",
        HTTP_X_FORWARDED_PROTO="https",
        **variables,
    )
    environ |= {"wsgi.input": BytesIO(body), "wsgi.url_scheme": "https"}
    statuses = []
    response = application(environ, lambda status, headers, *_: statuses.append(int(status.split()[0])))
    list(response)
    response.close()
    return statuses[0]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Keep the test's transaction open, because a new request would close the database connection."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def csrf_cookie(settings) -> str:
    """A valid CSRF cookie that the shop has not issued. Any client can make one up."""
    return f"{settings.CSRF_COOKIE_NAME}={'a' * 32}"


@pytest.mark.parametrize("content_type", ODD, ids=lambda text: ascii(text)[:40])
@pytest.mark.parametrize("path", ["/", "/?x", "/?x=%FF", "/nowhere/", "/cart/"])
def test_an_odd_content_type_on_a_get_is_ignored(path, content_type):
    assert respond("GET", path.partition("?")[0], content_type, QUERY_STRING=path.partition("?")[2]) in (200, 404)


@pytest.mark.parametrize("content_type", ODD, ids=lambda text: ascii(text)[:40])
@pytest.mark.parametrize("view", ["product:list", "cart:update", "checkout:checkout", "health:live", "admin:login"])
def test_an_odd_content_type_on_a_post_is_a_4xx(view, content_type, csrf_cookie):
    statuses = {respond("POST", reverse(view), content_type, body, HTTP_COOKIE=csrf_cookie) for body in BODIES}

    assert statuses <= {400, 403, 405}


def test_a_form_in_another_charset_is_decoded_as_utf_8(csrf_cookie):
    product = make_product()
    body = f"csrfmiddlewaretoken={'a' * 32}&quantity=1".encode()

    status = respond(
        "POST",
        reverse("product:add-to-cart", args=[product.slug]),
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        body,
        HTTP_COOKIE=csrf_cookie,
    )

    assert status == 302


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        (" Application/X-WWW-Form-Urlencoded ; charset=latin-1", "application/x-www-form-urlencoded"),
        (
            "multipart/form-data; boundary=----WebKitAb1",
            'multipart/form-data; boundary="----WebKitAb1"',
        ),
        ('multipart/form-data; charset=utf-8; Boundary="a:b=c?"; x=y', 'multipart/form-data; boundary="a:b=c?"'),
        ("multipart/form-data; boundary=a;b", 'multipart/form-data; boundary="a"'),
        ("text/plain; boundary=x", "text/plain"),
        ("text plain", ""),
        ("", ""),
    ],
)
def test_only_the_media_type_and_the_boundary_are_passed_on(sent, passed_on):
    assert plain(sent) == passed_on


@pytest.mark.parametrize("boundary", ["----WebKitFormBoundaryAb1", "'()+_,-./:=?", "a" * 70])
def test_django_parses_the_boundary_that_is_passed_on(boundary):
    content_type = plain(f'multipart/form-data; boundary="{boundary}"')

    parser = MultiPartParser({"CONTENT_TYPE": content_type, "CONTENT_LENGTH": "10"}, BytesIO(b""), [])

    assert parser._boundary == boundary.encode()


def test_a_multipart_form_is_parsed(csrf_cookie):
    product = make_product()
    fields = {"csrfmiddlewaretoken": "a" * 32, "quantity": "1"}
    body = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())

    status = respond(
        "POST",
        reverse("product:add-to-cart", args=[product.slug]),
        "multipart/form-data; charset=hex; boundary=x",
        f"{body}--x--\r\n".encode(),
        HTTP_COOKIE=csrf_cookie,
    )

    assert status == 302


class Unreadable(BytesIO):
    """A request body that fails the test if it is read."""

    def read(self, *_):
        raise AssertionError("an error page reads the body")


@pytest.mark.parametrize(
    ("page", "status"),
    [
        (errors.bad_request, 400),
        (errors.permission_denied, 403),
        (errors.page_not_found, 404),
        (errors.shop_failed, 500),
    ],
)
def test_no_error_page_reads_the_body(page, status, rf, csrf_cookie):
    request = rf.post("/", headers={"cookie": csrf_cookie})
    request.session = SessionStore()
    request._stream = Unreadable()

    response = page(request) if status == 500 else page(request, exception=Exception())

    assert response.status_code == status
