"""How a cart becomes an order: stock is taken in the same transaction, one token makes one order."""

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
    """Who gets the order, and where."""

    name: str
    email: str
    street: str
    postal_code: str
    city: str


class Shortfall(NamedTuple):
    """A product of which more is wanted than there is."""

    product: Product
    wanted: int


class CartEmpty(Exception):
    """There is nothing to order."""


class OutOfStock(Exception):
    """The stock does not cover the cart; ``shortfalls`` says which products are short."""

    def __init__(self, shortfalls: list[Shortfall]) -> None:
        super().__init__(", ".join(str(short.product) for short in shortfalls))
        self.shortfalls = shortfalls


def order_place(*, cart: Cart | None, token: UUID, delivery: Delivery) -> Order:
    """Make an order of what is in the cart, take its stock and empty the cart: all of it or nothing.

    A token that made an order already returns that order, whatever is in the cart by now.
    Raises CartEmpty, or OutOfStock when the stock does not cover the cart.
    """
    try:
        return _place(cart=cart, token=token, delivery=delivery)
    except IntegrityError:
        # Another request with this token was faster, from another cart: its order is the order.
        order = _repeated(token=token)
        if order is None:
            raise
        return order
    except OutOfStock:
        transaction.on_commit(metrics.order_refused_for_stock, robust=True)  # the rollback is behind us
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
    # The cart's row is the turnstile: of two submits of one form, the second finds the first one's order.
    Cart.objects.select_for_update().filter(pk=cart.pk).first()
    if (order := _repeated(token=token)) is not None:
        return order
    lines = cart_lines(cart=cart)
    if not lines:
        raise CartEmpty
    _take_stock(lines)

    order = Order.objects.create(cart=cart, token=token, total=cart_total(lines=lines), **delivery)
    for line in lines:
        # One by one, because a bulk insert goes past the model's metrics.
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
    # A function, not a partial: Django asks a hook that failed for its __qualname__ to log it.
    transaction.on_commit(lambda: metrics.order_placed(value=order.total, units_by_category=dict(units)), robust=True)
    return order


def _take_stock(lines: list[CartLine]) -> None:
    """Take every line's units off the stock, or raise OutOfStock with all that is short.

    Rows are locked in the order of their keys, so that two orders never wait for each other. Where a
    database has no row locks the condition of the update decides.
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
