"""Test that business metrics count exactly, only after the commit, and nothing that was rolled back."""

from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest
from cart.services import cart_add, cart_remove, cart_update
from checkout import metrics
from checkout.services import order_place
from django.db import transaction
from product.services import product_search

from tests.app.shopping import DELIVERY, growth, make_product

pytestmark = pytest.mark.django_db(transaction=True)

placed = partial(growth, "pomar_orders_total", outcome="placed")
refused = partial(growth, "pomar_orders_total", outcome="out_of_stock")
repeated = partial(growth, "pomar_orders_total", outcome="repeated")
value = partial(growth, "pomar_order_value_euros_sum")
orders = partial(growth, "pomar_order_value_euros_count")
sold = partial(growth, "pomar_items_sold_total")
in_carts = partial(growth, "pomar_cart_items_total")
searches = partial(growth, "pomar_searches_total")


class Regret(Exception):
    """Raised by a test to roll back a transaction."""


def test_an_order_is_counted_with_its_value_and_units_by_category(shopper):
    shopper.add(make_product(price="3.30"), 2)
    shopper.add(make_product(price="1.00"), 1)
    shopper.add(make_product(price="4.20", category="jam"), 3)

    with placed() as n, value() as euros, orders() as m, sold(category="fruit") as fruit, sold(category="jam") as jam:
        shopper.checkout()

    assert (n, m, fruit, jam) == ([1], [1], [3], [3])
    assert euros == [pytest.approx(20.20)]


def test_a_refused_order_is_counted_only_as_refused(shopper):
    shopper.add(make_product(stock=1), 2)

    with placed() as n, refused() as no, orders() as m, sold(category="fruit") as fruit:
        shopper.checkout()

    assert (n, no, m, fruit) == ([0], [1], [0], [0])


def test_a_repeated_order_is_counted_only_as_repeated(shopper):
    token = str(uuid4())
    shopper.add(make_product())
    shopper.checkout(token=token)

    with placed() as n, repeated() as again, orders() as m:
        shopper.checkout(token=token)
        shopper.checkout(token=token)

    assert (n, again, m) == ([0], [2], [0])


@pytest.mark.parametrize("form", [{"email": "x"}, {"token": ""}, {}], ids=["invalid", "no token", "empty cart"])
def test_an_invalid_or_empty_checkout_is_not_counted(shopper, form):
    with placed() as n, refused() as no, repeated() as again:
        shopper.checkout(**form)

    assert (n, no, again) == ([0], [0], [0])


def test_cart_units_are_counted_by_action(shopper):
    product = make_product()

    with in_carts(action="add") as added, in_carts(action="update") as updated, in_carts(action="remove") as removed:
        shopper.add(product, 5)
        shopper.add(product, 2)
        shopper.update(product, 3)
        shopper.update(product, 9)
        shopper.remove(product)

    assert (added, updated, removed) == ([7], [10], [9])


def test_refused_cart_changes_are_not_counted(shopper):
    product = make_product()

    with in_carts(action="add") as added, in_carts(action="update") as updated, in_carts(action="remove") as removed:
        shopper.add(product, 0)
        shopper.update(product, 3)
        shopper.remove(product)

    assert (added, updated, removed) == ([0], [0], [0])


def test_searches_are_counted_by_outcome(shopper):
    make_product(name="Quinces")

    with searches(outcome="found") as found, searches(outcome="nothing") as nothing:
        for text in ("quince", "QUINCE", "pineapple", "", "\x00"):
            shopper.get("/search/", {"q": text})

    assert (found, nothing) == ([2], [1])


def test_nothing_is_counted_when_the_transaction_is_rolled_back():
    product = make_product(name="Quinces")
    cart = cart_add(cart=None, product=product, quantity=5)
    deeds = [
        lambda: cart_add(cart=cart, product=product, quantity=1),
        lambda: cart_update(cart=cart, product=product, quantity=2),
        lambda: cart_remove(cart=cart, product=product),
        lambda: product_search(text="quince", limit=1),
    ]

    def regret(deed) -> None:
        with suppress(Regret), transaction.atomic():
            deed()
            raise Regret

    with (
        in_carts(action="add") as added,
        in_carts(action="update") as updated,
        in_carts(action="remove") as removed,
        searches(outcome="found") as found,
    ):
        for deed in deeds:
            regret(deed)

    assert (added, updated, removed, found) == ([0], [0], [0], [0])
    assert cart.lines.get().quantity == 5


def test_an_order_cannot_be_placed_inside_another_transaction():
    cart = cart_add(cart=None, product=make_product(), quantity=1)

    with placed() as n, pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        order_place(cart=cart, token=uuid4(), delivery=DELIVERY)

    assert n == [0]


def test_a_failing_metric_does_not_fail_the_order(shopper, monkeypatch):
    def full_disk(**_) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(metrics, "order_placed", full_disk)
    shopper.add(make_product())

    answer = shopper.checkout()

    assert shopper.get(answer["Location"]).status_code == 200


def test_models_and_cache_increment_the_django_prometheus_counters(shopper):
    product = make_product()

    with (
        growth("django_model_inserts_total", model="cart") as carts,
        growth("django_model_inserts_total", model="cart_line") as lines,
        growth("django_model_deletes_total", model="cart_line") as gone,
        growth("django_model_inserts_total", model="order") as placed_orders,
        growth("django_model_inserts_total", model="order_line") as order_lines,
        growth("django_cache_get_misses_total", backend="locmem") as misses,
        growth("django_cache_get_hits_total", backend="locmem") as hits,
    ):
        shopper.add(product)
        shopper.checkout()
        shopper.get("/")
        shopper.get("/")

    assert (carts, lines, gone, placed_orders, order_lines) == ([1], [1], [1], [1], [1])
    assert (misses, hits) == ([1], [1])
