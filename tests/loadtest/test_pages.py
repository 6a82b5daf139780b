"""Test the page parser on pages that Django renders from the shop's real templates."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache import cache

from loadtest.pages import Page
from tests.app.shopping import DELIVERY, Shopper, make_product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Clear the cache, which may still contain another test's categories."""
    cache.clear()


@pytest.fixture
def visitor() -> Shopper:
    """A visitor."""
    return Shopper()


def _page(visitor: Shopper, url: str) -> Page:
    return Page(visitor.get(url).content.decode())


def test_a_product_list_shows_stock_category_links_and_the_last_page(visitor):
    stocks = {make_product(category=slug, stock=stock).slug: stock for stock in range(15) for slug in ("fruit", "jam")}

    first, second = _page(visitor, "/"), _page(visitor, "/?page=2")

    assert first.products | second.products == stocks
    assert len(first.products) == 24
    assert first.shelves == ["/category/fruit/", "/category/jam/"]
    assert first.last_page == 2
    assert first.cart_units == 0
    assert first.has_products


def test_the_static_files_of_a_page_are_listed_once(visitor):
    make_product(slug="quinces")

    files = _page(visitor, "/").static_files

    assert files[:2] == ["/static/shop/favicon.svg", "/static/shop/pomar.css"]
    assert len(files) == len(set(files)) == 3


def test_a_search_without_results_shows_no_products(visitor):
    make_product()

    page = _page(visitor, "/search/?q=zebra")

    assert page.products == {}
    assert not page.has_products


def test_a_product_can_only_be_bought_while_it_is_in_stock(visitor):
    available, sold_out = make_product(stock=7), make_product(stock=0)

    page, empty_page = (_page(visitor, product.get_absolute_url()) for product in (available, sold_out))

    assert page.products == {available.slug: 7}
    assert page.field("quantity") == "1"
    assert len(page.field("csrfmiddlewaretoken")) == 64
    assert empty_page.products == {sold_out.slug: 0}
    assert empty_page.field("quantity") is None


def test_a_cart_shows_its_lines_units_and_total(visitor):
    pears, plums = make_product(price="3.30"), make_product(price="1.25")
    visitor.add(pears, 3)
    visitor.add(plums, 2)

    page = _page(visitor, "/cart/")

    assert page.cart_lines == {pears.slug: 3, plums.slug: 2}
    assert page.cart_units == 5
    assert page.cart_total == Decimal("12.40")


def test_checkout_and_order_show_the_same_receipt(visitor):
    visitor.add(make_product(name="Pears & plums", price="3.30"), 3)
    form_page = _page(visitor, "/checkout/")

    answer = visitor.checkout(token=form_page.field("token"))
    order_page = _page(visitor, answer["Location"])

    assert form_page.receipt == order_page.receipt == {"Pears & plums": 3}
    assert order_page.order_total == Decimal("9.90")
    assert order_page.cart_units == 0


def test_a_refused_order_shows_the_reason_and_the_remaining_stock(visitor):
    product = make_product(stock=2)
    visitor.add(product, 5)

    answer = visitor.post("/checkout/", DELIVERY | {"token": str(uuid4())})
    page = Page(answer.content.decode(), status=answer.status_code)

    assert (page.status, page.refusal) == (409, "out-of-stock")
    assert page.products == {product.slug: 2}


def test_missing_marks_are_none_or_empty():
    page = Page("<html></html>")

    marks = (page.cart_units, page.cart_total, page.order_total, page.refusal, page.field("token"))
    assert marks == (None,) * 5
    assert (page.products, page.cart_lines, page.receipt, page.static_files, page.last_page) == ({}, {}, {}, [], 1)
