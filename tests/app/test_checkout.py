"""Test the checkout: which orders are refused, what is stored, and who may see an order."""

from uuid import uuid4

import pytest
from checkout.models import REFERENCE_LENGTH, Order, OrderLine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from product.models import Product

from tests.app.shopping import DELIVERY, make_product, mark, marks

pytestmark = pytest.mark.django_db


def stock_of(product: Product) -> int:
    return Product.objects.get(pk=product.pk).stock


def test_an_order_reduces_the_stock_and_empties_the_cart(shopper):
    pears, plums = make_product(price="3.30", stock=10), make_product(price="1.25", stock=5)
    shopper.add(pears, 3)
    shopper.add(plums, 5)

    answer = shopper.checkout()
    page = shopper.get(answer["Location"])

    order = Order.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/orders/{order.reference}/")
    assert mark(page, "data-order") == order.reference
    assert mark(page, "data-order-total") == "16.15"
    assert mark(page, "data-cart-units") == "0"
    assert (stock_of(pears), stock_of(plums)) == (7, 0)
    assert {field: getattr(order, field) for field in DELIVERY} == DELIVERY


def test_an_order_keeps_the_names_and_prices_it_was_placed_with(shopper):
    product = make_product(name="Quinces", price="3.30")
    shopper.add(product, 2)
    address = shopper.checkout()["Location"]
    Product.objects.filter(pk=product.pk).update(name="Pears", price="9.99")

    page = shopper.get(address)

    assert b"Quinces" in page.content
    assert mark(page, "data-order-total") == "6.60"
    assert str(OrderLine.objects.get().price) == "3.30"


def test_the_checkout_form_has_a_new_token_and_shows_the_total(shopper):
    shopper.add(make_product(price="3.30"), 2)

    first, second = shopper.get("/checkout/"), shopper.get("/checkout/")

    assert "€6.60".encode() in first.content
    assert first.context["form"]["token"].value() != second.context["form"]["token"].value()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, "") for field in DELIVERY),
        *((field, "   ") for field in DELIVERY),
        *((field, f"{value}\x00") for field, value in DELIVERY.items()),
        *((field, "x" * 5000) for field in DELIVERY),
        ("email", "nobody"),
        ("email", "a@b@c.pt"),
        ("email", "ana@pomar.example\r\nBcc: all@pomar.example"),
        ("postal_code", "<b>"),
        ("postal_code", "1"),
        ("postal_code", "١٢٣٤"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_an_invalid_form_is_400_and_marks_the_field_and_keeps_the_input(shopper, field, value):
    product = make_product()
    shopper.add(product, 2)
    token = str(uuid4())

    page = shopper.checkout(token=token, **{field: value})

    form = page.context["form"]
    assert page.status_code == 400
    assert list(form.errors) == [field]
    assert b"field-error" in page.content
    assert {name: form[name].value() for name in DELIVERY} == DELIVERY | {field: value}
    assert form["token"].value() == token
    assert (Order.objects.count(), stock_of(product)) == (0, 10)


@pytest.mark.parametrize("token", ["", "x", "\x00", "0" * 5000], ids=["none", "text", "NUL", "long"])
def test_a_form_with_an_invalid_token_is_shown_again_with_a_valid_one(shopper, token):
    shopper.add(make_product(), 1)

    page = shopper.checkout(token=token)
    again = shopper.checkout(token=page.context["form"]["token"].value())

    assert page.status_code == 400
    assert b"This form had expired" in page.content
    assert mark(shopper.get(again["Location"]), "data-order")


def test_an_unusual_but_valid_name_is_accepted(shopper):
    shopper.add(make_product())

    answer = shopper.checkout(name="Žofie ‮ O'Neill 🍐 <b>")
    page = shopper.get(answer["Location"])

    assert page.status_code == 200
    assert b"<b>" not in page.content


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_empty_cart_cannot_be_checked_out(shopper, method):
    answer = shopper.checkout() if method == "post" else shopper.get("/checkout/")
    page = shopper.get(answer["Location"])

    assert (answer.status_code, answer["Location"]) == (302, "/cart/")
    assert b"Your cart is empty" in page.content
    assert Order.objects.count() == 0


def test_an_order_without_enough_stock_is_409_and_changes_nothing(shopper):
    pears, plums, figs = make_product(stock=10), make_product(stock=1), make_product(stock=0)
    for product, quantity in ((pears, 3), (plums, 2), (figs, 1)):
        shopper.add(product, quantity)

    page = shopper.checkout()

    assert page.status_code == 409
    assert mark(page, "data-refusal") == "out-of-stock"
    short = dict(zip(marks(page, "data-product"), marks(page, "data-stock"), strict=True))
    assert short == {plums.slug: "1", figs.slug: "0"}
    assert (stock_of(pears), stock_of(plums), Order.objects.count(), shopper.units()) == (10, 1, 0, 6)


def test_after_a_refusal_the_same_form_can_be_sent_again(shopper):
    product, token = make_product(stock=1), str(uuid4())
    shopper.add(product, 2)
    shopper.checkout(token=token)

    shopper.update(product, 1)
    answer = shopper.checkout(token=token)

    assert answer.status_code == 302
    assert stock_of(product) == 0


def test_the_same_token_returns_the_same_order_whatever_is_in_the_cart(shopper):
    product, token = make_product(stock=10), str(uuid4())
    shopper.add(product, 2)
    first = shopper.checkout(token=token)
    with_empty_cart = shopper.checkout(token=token)
    shopper.add(product, 1)
    with_full_cart = shopper.checkout(token=token)

    assert first["Location"] == with_empty_cart["Location"] == with_full_cart["Location"]
    assert (Order.objects.count(), stock_of(product), shopper.units()) == (1, 8, 1)


def test_one_session_can_order_twice_and_see_both_orders(shopper):
    product = make_product()
    addresses = []
    for _ in range(2):
        shopper.add(product)
        addresses.append(shopper.checkout()["Location"])

    pages = [shopper.get(address).status_code for address in addresses]

    assert len(set(addresses)) == 2
    assert pages == [200, 200]


@pytest.mark.parametrize("has_cart", [False, True], ids=["new visitor", "visitor with a cart"])
def test_nobody_else_sees_an_order(shopper, stranger, has_cart):
    product, token = make_product(), str(uuid4())
    shopper.add(product)
    address = shopper.checkout(token=token)["Location"]
    if has_cart:
        stranger.add(product)

    stranger.checkout(token=token)

    assert stranger.get(address).status_code == 404
    assert shopper.get(address).status_code == 200
    assert Order.objects.count() == 1


@pytest.mark.parametrize("reference", ["x", "%00", "a" * 16 + "%00", "%ED%A0%80" * 6, "A" * 16, "a" * 3000])
def test_an_invalid_reference_is_404_without_a_query_for_orders(shopper, reference):
    shopper.add(make_product())

    with CaptureQueriesContext(connection) as queries:
        answer = shopper.get(f"/orders/{reference}/")

    assert answer.status_code == 404
    assert not [query for query in queries if "checkout_order" in query["sql"]]


def test_references_are_unique_and_have_the_full_length(shopper):
    product, references = make_product(), set()
    for _ in range(5):
        shopper.add(product)
        references.add(shopper.checkout()["Location"].split("/")[2])

    assert len(references) == 5
    assert {len(reference) for reference in references} == {REFERENCE_LENGTH}
