"""What every page shows of the catalogue."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from product import selectors


def categories(request: HttpRequest) -> dict[str, Callable[[], Any]]:
    """The navigation's shelves, fetched only by a page that shows them."""
    return {"categories": selectors.categories_for_navigation}
