"""URL names are metric labels. The table here is the contract with NGINX's routes and the dashboards."""

import pytest
from django.urls import resolve, reverse

from tests.app.shopping import Shopper

ROUTES = [
    ("product:list", {}, "/", {"GET", "HEAD"}),
    ("product:list", {"category": "jam"}, "/category/jam/", {"GET", "HEAD"}),
    ("product:detail", {"slug": "gala-apples"}, "/product/gala-apples/", {"GET", "HEAD"}),
    ("product:add-to-cart", {"slug": "gala-apples"}, "/product/gala-apples/add/", {"POST"}),
    ("product:search", {}, "/search/", {"GET", "HEAD"}),
    ("cart:cart-summary", {}, "/cart/", {"GET", "HEAD"}),
    ("cart:update", {}, "/cart/update/", {"POST"}),
    ("cart:remove", {}, "/cart/remove/", {"POST"}),
    ("checkout:checkout", {}, "/checkout/", {"GET", "HEAD", "POST"}),
    ("checkout:order-detail", {"reference": "abc"}, "/orders/abc/", {"GET", "HEAD"}),
    ("health:live", {}, "/health/live", {"GET", "HEAD"}),
    ("health:ready", {}, "/health/ready", {"GET", "HEAD"}),
]
IDS = [address for _, _, address, _ in ROUTES]


@pytest.mark.parametrize(("name", "arguments", "address", "methods"), ROUTES, ids=IDS)
def test_url_names_and_paths_resolve_in_both_directions(name, arguments, address, methods):
    match = resolve(address)

    assert reverse(name, kwargs=arguments) == address
    assert (match.view_name, match.kwargs) == (name, arguments)


@pytest.mark.parametrize(("name", "arguments", "address", "methods"), ROUTES, ids=IDS)
def test_other_methods_are_refused_before_any_query(name, arguments, address, methods):
    refused = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOOA"} - methods

    answers = {method: Shopper().generic(method, address) for method in refused}

    assert {answer.status_code for answer in answers.values()} == {405}
    assert {frozenset(answer["Allow"].split(", ")) for answer in answers.values()} == {frozenset(methods)}


def test_the_shop_does_not_serve_metrics(shopper, db):
    assert shopper.get("/metrics").status_code == 404


def test_plain_http_is_redirected_to_https(client):
    answer = client.get("/cart/")

    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/cart/")
