"""Turn a cart into an order. The stock is reduced in the same transaction, and each token creates at most one order."""

from collections import Counter
from typing import NamedTuple, TypedDict
from uuid import UUID

from cart.models import Cart, CartLine
from cart.selectors import cart_lines, cart_total
from django.db import IntegrityError, transaction
from django.db.models import F
from product.models import Product

from checkout import metrics
from checkout.models import Order, OrderLine


class Delivery(TypedDict):
    """The customer's name, e-mail and address."""

    name: str
    email: str
    street: str
    postal_code: str
    city: str


class Shortfall(NamedTuple):
    """A product whose stock is less than the quantity in the cart."""

    product: Product
    wanted: int


class CartEmpty(Exception):
    """The cart is empty, so there is nothing to order."""


class OutOfStock(Exception):
    """There is not enough stock for the cart. ``shortfalls`` lists the products."""

    def __init__(self, shortfalls: list[Shortfall]) -> None:
        super().__init__(", ".join(str(short.product) for short in shortfalls))
        self.shortfalls = shortfalls


def order_place(*, cart: Cart | None, token: UUID, delivery: Delivery) -> Order:
    """Create an order from the cart, reduce the stock and empty the cart, all in one transaction.

    If an order with this token already exists, return it and leave the cart unchanged.
    Raises CartEmpty if there is nothing to order, and OutOfStock if there is not enough stock.
    """
    try:
        return _place(cart=cart, token=token, delivery=delivery)
    except IntegrityError:
        # Another request, with another cart, has just created an order with this token.
        order = _repeated(token=token)
        if order is None:
            raise
        return order
    except OutOfStock:
        transaction.on_commit(metrics.order_refused_for_stock, robust=True)  # the transaction is already rolled back
        raise


def _repeated(*, token: UUID) -> Order | None:
    order = Order.objects.filter(token=token).first()
    if order is not None:
        transaction.on_commit(metrics.order_repeated, robust=True)
    return order


@transaction.atomic(durable=True)
def _place(*, cart: Cart | None, token: UUID, delivery: Delivery) -> Order:
    if cart is None:
        raise CartEmpty
    # Lock the cart. If a form is submitted twice, the second request waits here and then finds the first one's order.
    Cart.objects.select_for_update().filter(pk=cart.pk).first()
    if (order := _repeated(token=token)) is not None:
        return order
    lines = cart_lines(cart=cart)
    if not lines:
        raise CartEmpty
    _take_stock(lines)

    order = Order.objects.create(cart=cart, token=token, total=cart_total(lines=lines), **delivery)
    for line in lines:
        # Insert the lines one by one, because django-prometheus does not count bulk inserts.
        OrderLine.objects.create(
            order=order,
            product=line.product,
            name=line.product.name,
            unit=line.product.unit,
            price=line.product.price,
            quantity=line.quantity,
        )
        line.delete()

    units = Counter()
    for line in lines:
        units[line.product.category.slug] += line.quantity
    # Do not use functools.partial: if the hook fails, Django logs its __qualname__, which a partial does not have.
    transaction.on_commit(lambda: metrics.order_placed(value=order.total, units_by_category=dict(units)), robust=True)
    return order


def _take_stock(lines: list[CartLine]) -> None:
    """Take each line's units from stock, or raise OutOfStock with all shortfalls.

    Rows are locked in primary key order, so that two orders cannot deadlock. On a database without row locks, the
    condition of the UPDATE keeps the stock from going below zero.
    """
    wanted = {line.product_id: line.quantity for line in lines}
    stocked = list(Product.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    short = [Shortfall(product, wanted[product.pk]) for product in stocked if product.stock < wanted[product.pk]]
    for product in [] if short else stocked:
        units = wanted[product.pk]
        if not Product.objects.filter(pk=product.pk, stock__gte=units).update(stock=F("stock") - units):
            short.append(Shortfall(product, units))
    if short:
        raise OutOfStock(short)
