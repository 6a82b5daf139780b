"""What every page shows of the cart."""

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest

from cart import selectors


def cart_units(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """Units in the visitor's cart, counted only by a page that shows them."""
    return {"cart_units": partial(selectors.cart_units, session=request.session)}
