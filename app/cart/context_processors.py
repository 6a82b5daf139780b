"""Template context for the cart, on every page."""

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest

from cart import selectors


def cart_units(request: HttpRequest) -> dict[str, Callable[[], int]]:
    """Return a function that counts the units in the visitor's cart. Only pages that show the number run the query."""
    return {"cart_units": partial(selectors.cart_units, session=request.session)}
