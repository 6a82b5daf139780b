"""Test simultaneous buyers, each with their own database connection, on a real database."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from cart.models import Cart
from cart.services import cart_add
from checkout.models import Order, OrderLine
from checkout.services import CartEmpty, OutOfStock, order_place
from django.db import connections
from product.models import Product

from tests.app.shopping import DELIVERY, Shopper, make_product

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(deeds: list[Callable[[], object]]) -> list[object]:
    """Run all functions at once, each in its own thread. Return what each one returned or raised."""
    start = Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> object:
        try:
            start.wait(timeout=10)
            return deed()
        except Exception as problem:
            return problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def filled_cart(*wanted: tuple[Product, int]) -> Cart:
    """Create a cart and add the given products and quantities, in this order."""
    cart = None
    for product, quantity in wanted:
        cart = cart_add(cart=cart, product=product, quantity=quantity)
    return cart


def buying(cart: Cart, token: UUID | None = None) -> Callable[[], Order]:
    """Return a function that places an order for the cart."""
    return lambda: order_place(cart=cart, token=token or uuid4(), delivery=DELIVERY)


def kinds(results: list[object]) -> Counter:
    """Return the number of results of each type."""
    return Counter(type(result) for result in results)


@pytest.mark.parametrize(
    ("stock", "each", "orders", "left"),
    [(5, 1, 5, 0), (20, 3, 6, 2), (1, 1, 1, 0), (0, 1, 0, 0)],
    ids=["last five", "by threes", "the very last", "none"],
)
def test_concurrent_buyers_never_oversell_the_stock(stock, each, orders, left):
    product = make_product(stock=stock)
    carts = [filled_cart((product, each)) for _ in range(12)]

    results = all_at_once([buying(cart) for cart in carts])

    assert kinds(results) == Counter({Order: orders, OutOfStock: 12 - orders}) - Counter({Order: 0})
    assert Product.objects.get(pk=product.pk).stock == left
    assert Order.objects.count() == orders
    assert OrderLine.objects.count() == orders


def test_carts_with_the_same_products_in_another_order_do_not_deadlock():
    pears, plums = make_product(stock=8), make_product(stock=8)
    forward, backward = ((pears, 1), (plums, 1)), ((plums, 1), (pears, 1))
    carts = [filled_cart(*wanted) for wanted in (forward, backward) * 6]

    results = all_at_once([buying(cart) for cart in carts])

    assert kinds(results) == {Order: 8, OutOfStock: 4}
    assert set(Product.objects.values_list("stock", flat=True)) == {0}


def test_one_form_sent_many_times_at_once_places_one_order():
    product, token = make_product(stock=50), uuid4()
    cart = filled_cart((product, 2))

    results = all_at_once([buying(cart, token) for _ in range(8)])

    assert len({order.reference for order in results}) == 1
    assert (Order.objects.count(), Product.objects.get().stock) == (1, 48)


def test_one_token_sent_from_different_carts_at_once_places_one_order():
    product, token = make_product(stock=50), uuid4()
    carts = [filled_cart((product, 2)) for _ in range(8)]

    results = all_at_once([buying(cart, token) for cart in carts])

    assert len({order.reference for order in results}) == 1
    assert (Order.objects.count(), Product.objects.get().stock) == (1, 48)


def test_one_cart_sent_with_different_tokens_at_once_is_ordered_once():
    product = make_product(stock=50)
    cart = filled_cart((product, 2))

    results = all_at_once([buying(cart) for _ in range(8)])

    assert kinds(results) == {Order: 1, CartEmpty: 7}
    assert Product.objects.get().stock == 48


def test_adding_in_many_tabs_at_once_loses_nothing():
    product = make_product()
    cart = filled_cart((product, 1))

    results = all_at_once([lambda: cart_add(cart=cart, product=product, quantity=2)] * 10)

    assert kinds(results) == {Cart: 10}
    assert cart.lines.get().quantity == 21


def test_concurrent_shoppers_buy_exactly_the_stock():
    product = make_product(stock=4)

    def shop() -> int:
        shopper = Shopper()
        shopper.add(product)
        return shopper.checkout().status_code

    statuses = all_at_once([shop] * 10)

    assert Counter(statuses) == {302: 4, 409: 6}
    assert Product.objects.get().stock == 0
