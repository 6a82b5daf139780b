"""Test that NGINX limits the login rate. Without a limit, password hashing could keep every worker busy."""

import time

import pytest

from tests.config.front import ROOT, Front, Response
from tests.eventually import eventually

LOGIN = "/admin/login/"
EMPTY = "Content-Length: 0\r\n"
#: Far more logins than NGINX passes on in a burst. A test sends them within a second.
MANY = 30


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """A separate NGINX. With a shared one, logins in other tests would count towards the limit."""
    front = Front(tmp_path_factory.mktemp("front"))
    with front.running(), front.app_running():
        yield front


def login(front: Front, path: str = LOGIN) -> Response:
    """Send one login request."""
    return front.get(path, method="POST", headers=EMPTY)


def first_limited(front: Front, path: str = LOGIN) -> Response:
    """Send logins to ``path`` until NGINX responds with 429, and return that response."""
    for _ in range(MANY):
        response = login(front, path)
        if response.status == 429:
            return response
    pytest.fail(f"NGINX did not limit {MANY} logins at {path}")


def test_a_login_beyond_the_limit_gets_a_429_page(front):
    response = first_limited(front)

    assert response.body == (ROOT / "nginx" / "pages" / "too-many-logins.html").read_bytes()
    assert response.all("Content-Type") == ["text/html; charset=utf-8"]
    assert response.all("Retry-After") == ["5"]


def test_a_limited_login_is_logged_as_refused_by_nginx(front):
    line = first_limited(front).line

    assert (line.route, line.method, line.status, line.outcome) == ("refused", "POST", "429", "-")


SPELLINGS = (
    "/admin/login/?next=/admin/",
    "//admin/login/",
    "/admin//login///",
    "/%61dmin/login/",
    "/%61%64%6d%69%6e%2flogin%2f",
    "/./admin/../admin/login/",
    "/static/../admin/login/",
    "/static/%2e%2e/admin/login/",
    "https://localhost/admin/login/",
)


def test_every_spelling_of_the_login_url_is_limited(front):
    assert {front.get(path).json()["PATH_INFO"] for path in SPELLINGS} == {LOGIN}

    for path in SPELLINGS:
        first_limited(front, path)


def test_one_login_per_second_passes_once_the_limit_is_reached(front):
    first_limited(front)
    began = time.monotonic()

    statuses = [login(front).status for _ in range(MANY)]

    assert set(statuses) <= {200, 429}
    assert statuses.count(200) <= 1 + time.monotonic() - began
    eventually(lambda: login(front).status, because="a login passes a second later", wanted=lambda seen: seen == 200)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", LOGIN), ("HEAD", LOGIN), ("POST", "/cart/update/"), ("POST", "/admin/")]
)
def test_only_logins_are_limited(front, method, path):
    headers = EMPTY if method == "POST" else ""

    assert {front.get(path, method=method, headers=headers).status for _ in range(MANY)} == {200}


def test_the_shops_own_429_is_passed_on(front):
    response = front.get("/?status=429")

    assert (response.json()["QUERY_STRING"], response.all("Retry-After")) == ("status=429", [])


def test_a_flood_of_logins_leaves_the_error_log_empty(front):
    first_limited(front)

    assert (front.prefix / "logs" / "error.log").read_text() == ""
