"""Queries for orders."""

from cart.selectors import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase

from checkout.models import REFERENCE_LENGTH, REFERENCE_LETTERS, Order


def order_of(*, session: SessionBase, reference: str) -> Order | None:
    """Return the order with this reference, including its lines, if this session placed it. Otherwise, return None."""
    cart_key = session.get(SESSION_KEY)
    if cart_key is None or len(reference) != REFERENCE_LENGTH or set(reference) - set(REFERENCE_LETTERS):
        return None
    return Order.objects.filter(reference=reference, cart_id=cart_key).prefetch_related("lines__product").first()
