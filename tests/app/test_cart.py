"""Test adding products to a cart, changing quantities, and removing products."""

import pytest
from cart.models import Cart, CartLine
from cart.selectors import SESSION_KEY
from django.db import IntegrityError
from django.urls import reverse

from tests.app.shopping import make_product, mark, marks

pytestmark = pytest.mark.django_db

WRONG_QUANTITIES = ["0", "-1", "100", "9" * 5000, "two", "1.5", "", " ", "1e3", "NaN", "\x00", "1\x00", "\ufffd"]


def test_adding_redirects_to_the_cart_with_its_total(shopper):
    product = make_product(price="3.30")

    answer = shopper.add(product, 2)
    page = shopper.get(answer["Location"])

    assert (answer.status_code, answer["Location"]) == (302, "/cart/")
    assert mark(page, "data-cart-units") == "2"
    assert mark(page, "data-cart-total") == "6.60"


def test_one_unit_is_added_when_no_quantity_is_sent(shopper):
    product = make_product()

    shopper.post(reverse("product:add-to-cart", args=[product.slug]))

    assert shopper.units() == 1


def test_adding_a_product_again_increases_the_quantity_of_its_line(shopper):
    product = make_product()

    shopper.add(product, 2)
    shopper.add(product, 3)

    assert list(CartLine.objects.values_list("quantity", flat=True)) == [5]


@pytest.mark.parametrize("quantity", WRONG_QUANTITIES, ids=lambda text: repr(text[:6]))
def test_an_invalid_quantity_is_not_added(shopper, quantity):
    product = make_product()

    page = shopper.add(product, quantity)

    assert page.status_code == 400
    assert b"Please choose a whole number from 1 to 99." in page.content
    assert mark(page, "data-product") == product.slug
    assert Cart.objects.count() == 0


def test_a_cart_takes_at_most_99_of_one_product(shopper):
    product = make_product()
    shopper.add(product, 98)

    page = shopper.add(product, 2)

    assert page.status_code == 400
    assert b"at most 99 of one product, and your cart already contains some" in page.content
    assert shopper.units() == 98


@pytest.mark.parametrize("quantity", WRONG_QUANTITIES, ids=lambda text: repr(text[:6]))
def test_an_invalid_quantity_does_not_change_the_cart(shopper, quantity):
    product = make_product()
    shopper.add(product, 4)

    page = shopper.update(product, quantity)

    assert page.status_code == 400
    assert b"Please choose a whole number from 1 to 99." in page.content
    assert mark(page, "data-cart-units") == "4"


def test_updating_sets_the_quantity(shopper):
    product = make_product(price="3.30")
    shopper.add(product, 2)

    answer = shopper.update(product, 99)

    assert (answer.status_code, answer["Location"]) == (302, "/cart/")
    assert mark(shopper.get("/cart/"), "data-cart-total") == "326.70"


def test_removing_a_product_leaves_the_others_in_the_cart(shopper):
    pears, plums = make_product(), make_product()
    shopper.add(pears, 2)
    shopper.add(plums, 1)

    answer = shopper.remove(pears)

    assert (answer.status_code, answer["Location"]) == (302, "/cart/")
    assert marks(shopper.get("/cart/"), "data-product") == [plums.slug]


def test_removing_a_product_that_is_not_in_the_cart_changes_nothing(shopper):
    pears, plums = make_product(), make_product()
    shopper.add(plums, 3)

    answer = shopper.remove(pears)

    assert answer.status_code == 302
    assert shopper.units() == 3


@pytest.mark.parametrize("has_cart", [True, False], ids=["other things in it", "no cart"])
def test_updating_a_product_not_in_the_cart_is_400_with_a_reason(shopper, has_cart):
    pears, plums = make_product(), make_product()
    if has_cart:
        shopper.add(plums)

    page = shopper.update(pears, 2)

    assert page.status_code == 400
    assert b"is no longer in your cart" in page.content


@pytest.mark.parametrize("slug", ["nothing", "", "\x00", "a b", "../", "x" * 500, "\ufffd"], ids=lambda s: repr(s[:6]))
@pytest.mark.parametrize("action", ["cart:update", "cart:remove"])
def test_an_unknown_product_is_404(shopper, action, slug):
    assert shopper.post(reverse(action), {"product": slug, "quantity": "1"}).status_code == 404


def test_adding_an_unknown_product_is_404_and_creates_no_cart(shopper):
    answer = shopper.post(reverse("product:add-to-cart", args=["nothing"]), {"quantity": "1"})

    assert answer.status_code == 404
    assert Cart.objects.count() == 0


def test_two_visitors_have_two_carts(shopper, stranger):
    product = make_product()

    shopper.add(product, 2)
    stranger.add(product, 5)
    stranger.remove(product)

    assert (shopper.units(), stranger.units()) == (2, 0)


def test_viewing_an_empty_cart_creates_no_cart_and_no_session(shopper):
    page = shopper.get("/cart/")

    assert mark(page, "data-cart-total") == "0.00"
    assert Cart.objects.count() == 0
    assert "pomar_session" not in shopper.cookies


def test_a_deleted_cart_is_replaced_by_a_new_one(shopper):
    product = make_product()
    shopper.add(product)
    Cart.objects.all().delete()

    empty = shopper.units()
    shopper.add(product, 2)

    assert (empty, shopper.units()) == (0, 2)
    assert shopper.session[SESSION_KEY] == Cart.objects.get().pk


def test_the_cart_shows_when_there_is_not_enough_stock(shopper):
    product = make_product(stock=3)
    shopper.add(product, 4)

    assert b"Only 3 left" in shopper.get("/cart/").content


def test_the_number_of_cart_queries_does_not_grow_with_its_lines(shopper, django_assert_num_queries):
    shopper.add(make_product())
    shopper.get("/cart/")
    for _ in range(19):
        shopper.add(make_product())
    shopper.get("/cart/")

    # One query each: session, cart, lines, units in the header. The categories are cached.
    with django_assert_num_queries(4):
        page = shopper.get("/cart/")

    assert mark(page, "data-cart-units") == "20"


@pytest.mark.parametrize("quantity", [0, 100])
def test_the_database_rejects_an_invalid_quantity(shopper, quantity):
    shopper.add(make_product())

    with pytest.raises(IntegrityError):
        CartLine.objects.update(quantity=quantity)
