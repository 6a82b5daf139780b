"""Add the categories to every page's template context."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from product import selectors


def categories(request: HttpRequest) -> dict[str, Callable[[], Any]]:
    """Return a function that lists the categories. Pages that do not call it run no query."""
    return {"categories": selectors.categories_for_navigation}
