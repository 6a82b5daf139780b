"""Queries for carts."""

from decimal import Decimal

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Sum

from cart.models import Cart, CartLine

SESSION_KEY = "cart"


def cart_of(*, session: SessionBase) -> Cart | None:
    """Return the session's cart, or None if the visitor has never added a product."""
    key = session.get(SESSION_KEY)
    return None if key is None else Cart.objects.filter(pk=key).first()


def cart_lines(*, cart: Cart | None) -> list[CartLine]:
    """Return the cart's lines with their products, in the order in which they were added."""
    if cart is None:
        return []
    return list(CartLine.objects.filter(cart=cart).select_related("product__category"))


def cart_total(*, lines: list[CartLine]) -> Decimal:
    """Return the total price of all lines in euros."""
    return sum((line.total for line in lines), Decimal("0.00"))


def cart_units(*, session: SessionBase) -> int:
    """Return the number of units in the session's cart. Runs no query if the visitor has no cart."""
    key = session.get(SESSION_KEY)
    if key is None:
        return 0
    return CartLine.objects.filter(cart_id=key).aggregate(units=Sum("quantity"))["units"] or 0
