"""Test that invalid requests get the correct 4xx and the shop's own error pages. Only an error in the shop is a 500."""

import pytest
from cart.models import Cart
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from product import selectors

from tests.app.shopping import Shopper, make_product, mark

pytestmark = pytest.mark.django_db

GARBAGE = [
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF%FE",
    "%E2%80%AE",
    "%0d%0aSet-Cookie:x=1",
    "..%2f..%2f",
    "%25%30%30",
    "x" * 3000,
]


def test_an_unknown_page_gets_the_custom_404_page(shopper):
    make_product()

    page = shopper.get("/nowhere/")

    assert page.status_code == 404
    assert b"Nothing grows here" in page.content
    assert mark(page, "data-cart-units") == "0"


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: text[:12])
@pytest.mark.parametrize("prefix", ["/", "/category/", "/product/", "/orders/", "/health/", "/cart/", "/static/"])
def test_garbage_in_a_path_is_404(shopper, prefix, garbage):
    assert shopper.get(f"{prefix}{garbage}/").status_code == 404


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: text[:12])
def test_garbage_in_a_query_is_not_a_server_error(shopper, garbage):
    make_product()

    addresses = [f"/?page={garbage}", f"/?{garbage}", f"/search/?q={garbage}", f"/cart/?{garbage}={garbage}"]

    assert {shopper.get(address).status_code for address in addresses} <= {200, 400}


def test_garbage_in_every_field_is_not_a_server_error(shopper):
    product = make_product()
    shopper.add(product)
    body = b"&".join(
        field + b"=%ED%A0%80%00%FF"
        for field in (b"product", b"quantity", b"name", b"email", b"token", b"city", b"\xff")
    )
    addresses = [reverse("product:add-to-cart", args=[product.slug]), "/cart/update/", "/cart/remove/", "/checkout/"]

    answers = [shopper.post(a, body, content_type="application/x-www-form-urlencoded") for a in addresses]

    assert [answer.status_code for answer in answers] == [400, 404, 404, 400]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x=" + b"a" * 300_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % n for n in range(600)), "application/x-www-form-urlencoded"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=" + "x" * 300),
        (b"--x\r\nnonsense", "multipart/form-data"),
        (b"quantity=1", "application/x-www-form-urlencoded; charset=utf-16"),
    ],
    ids=["too long", "too many fields", "long boundary", "no boundary", "foreign charset"],
)
def test_a_body_that_cannot_be_parsed_is_400(shopper, body, content_type):
    product = make_product()

    answer = shopper.generic("POST", reverse("product:add-to-cart", args=[product.slug]), body, content_type)

    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "localhost:port", "a b", "[::", "%00", "localhost@evil"])
def test_an_invalid_host_gets_the_custom_400_page(shopper, host):
    page = shopper.get("/", headers={"host": host})

    assert page.status_code == 400
    assert b"The shop could not understand your browser's request" in page.content


@pytest.mark.parametrize(
    "cookie",
    [
        "pomar_session=tampered",
        "pomar_session=" + "a" * 32,
        "pomar_session=" + "A" * 32,
        "pomar_session=../../etc/passwd",
        'pomar_session="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\000"',
        'pomar_session="\\377\\376aaaaaaaaaaaa"',
        "pomar_session=" + "a" * 4000,
        "pomar_session",
        "=;;==;pomar_session=",
        'pomar_messages="\\000[[x]]"; pomar_csrf="\\000"; pomar_session="\\"',
    ],
    ids=lambda text: text[:24],
)
def test_a_visitor_with_a_tampered_session_gets_a_new_one(cookie):
    product, shopper = make_product(), Shopper()
    headers = {"cookie": cookie}

    empty = shopper.get("/cart/", headers=headers)
    added = shopper.post(reverse("product:add-to-cart", args=[product.slug]), headers=headers)

    assert mark(empty, "data-cart-units") == "0"
    assert added.status_code == 302
    assert len(added.cookies["pomar_session"].value) == 32
    assert added.cookies["pomar_session"].value not in cookie


FOREIGN_COOKIES = {
    "Django's names": f"sessionid={'a' * 32}; csrftoken={'b' * 32}; messages=W1tdXQ:1abcde:x",
    "broken ones of Django's names": 'csrftoken="\\000"; sessionid="; messages=[[[',
    "4 kB": "theirs=" + "a" * 4000,
    "bytes that are no UTF-8": "theirs=\xff\xfe\x80",
    "quotes and separators": 'a="b; c=d"; =; ;;; e"f=g; h,i=j',
    "a name that begins like ours": "pomar_session2=a; pomar_csrf_=b; Pomar_Session=c",
    "without a name": "a; b; c",
    "300 of them": "; ".join(f"c{number}={number}" for number in range(300)),
}


@pytest.mark.parametrize("cookie", FOREIGN_COOKIES.values(), ids=FOREIGN_COOKIES)
def test_cookies_of_other_projects_on_localhost_do_not_break_the_shop(cookie):
    product, shopper = make_product(), Shopper(enforce_csrf_checks=True)
    ours: dict[str, str] = {}

    def visit(method: str, path: str, data: dict | None = None):
        header = "; ".join([cookie, *(f"{name}={value}" for name, value in ours.items())])
        headers = {"cookie": header, "referer": "https://localhost:8443/"}
        answer = getattr(shopper, method)(path, data, headers=headers)
        ours.update({name: morsel.value for name, morsel in answer.cookies.items()})
        return answer

    token = str(visit("get", product.get_absolute_url()).context["csrf_token"])
    added = visit("post", reverse("product:add-to-cart", args=[product.slug]), {"csrfmiddlewaretoken": token})
    cart = visit("get", "/cart/")

    assert added.status_code == 302
    assert mark(cart, "data-cart-units") == "1"
    assert b"Added to your cart" in cart.content
    assert ours.keys() == {"pomar_session", "pomar_csrf", "pomar_messages"}


def test_an_invalid_session_key_is_never_looked_up_in_the_database(shopper):
    with CaptureQueriesContext(connection) as queries:
        shopper.get("/cart/", headers={"cookie": 'pomar_session="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\000"'})

    assert not [query for query in queries if "django_session" in query["sql"]]


@pytest.mark.parametrize("address", ["/cart/update/", "/cart/remove/", "/checkout/", "/product/gala/add/"])
def test_a_form_without_a_csrf_token_gets_the_custom_403_page(address):
    make_product(slug="gala")

    page = Shopper(enforce_csrf_checks=True).post(address, {"quantity": "1"})

    assert page.status_code == 403
    assert b"Please send that again" in page.content
    assert Cart.objects.count() == 0


def test_a_form_with_a_csrf_token_is_accepted():
    product, shopper = make_product(), Shopper(enforce_csrf_checks=True)
    token = shopper.get(product.get_absolute_url()).context["csrf_token"]

    answer = shopper.post(
        reverse("product:add-to-cart", args=[product.slug]),
        {"csrfmiddlewaretoken": str(token)},
        headers={"referer": "https://localhost:8443/"},
    )

    assert answer.status_code == 302


def test_the_session_cookie_is_secure_and_http_only(shopper):
    shopper.add(make_product())

    session = shopper.cookies["pomar_session"]

    assert session["secure"]
    assert session["httponly"]


def test_a_server_error_gets_the_500_page_without_any_query(monkeypatch, django_assert_num_queries):
    def fall(**_) -> None:
        raise RuntimeError("a branch fell")

    monkeypatch.setattr(selectors, "products", fall)
    shopper = Shopper(raise_request_exception=False)

    with django_assert_num_queries(0):
        page = shopper.get("/")

    assert page.status_code == 500
    assert b"A branch broke off" in page.content
    assert b"a branch fell" not in page.content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/", "/cart/", "/checkout/", "/search/?q=apple", "/admin/", "/nowhere"])
def test_a_503_page_asks_to_try_again_when_the_database_is_down(monkeypatch, address):
    shopper = Shopper(raise_request_exception=False)
    shopper.add(make_product())
    connection.close()

    with monkeypatch.context() as gone:
        gone.setitem(connection.settings_dict, "NAME", "/nowhere/shop.sqlite3")
        page = shopper.get(address)
        connection.close()

    assert page.status_code == 503
    assert page["Retry-After"] == "5"
    assert b"The shop is temporarily unavailable" in page.content
    assert shopper.get("/cart/").context["cart_units"]() == 1


def test_the_500_page_works_without_collected_static_files(tmp_path):
    hashed = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"

    with override_settings(STATIC_ROOT=tmp_path, STORAGES={"staticfiles": {"BACKEND": hashed}}):
        page = Shopper(raise_request_exception=False).get("/")

    assert page.status_code == 500
    assert b"A branch broke off" in page.content


def test_no_page_has_inline_styles_or_scripts(shopper):
    product = make_product()
    shopper.add(product)

    pages = [shopper.get(address) for address in ("/", "/cart/", "/checkout/", "/search/", "/nowhere/")]
    text = b"".join(page.content for page in pages)

    assert b"<script" not in text
    assert b"<style" not in text
    assert b"style=" not in text
