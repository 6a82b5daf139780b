"""Template context for the catalogue, on every page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from product import selectors


def categories(request: HttpRequest) -> dict[str, Callable[[], Any]]:
    """Return a function that lists the categories. Only pages that show the navigation run the query."""
    return {"categories": selectors.categories_for_navigation}
