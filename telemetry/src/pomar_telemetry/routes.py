"""Django's URL names for NGINX: the entries of a `map` that names a path exactly as Django's resolver does."""

import re
from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

#: The route of a path that Django answers by a view without a name, as of one that it does not know.
UNNAMED = "other"
HEADER = "# Generated from Django's URLs. To make it again: manage.py nginx_routes"


def nginx_routes() -> str:
    """Return the entries of the map: one regular expression and one name a line, the first match wins.

    Raises ImproperlyConfigured for a kind of URL pattern that cannot be said to NGINX.
    """
    lines = [f'"~^/{_escaped(expression)}" {name};' for expression, name in _routes(get_resolver().url_patterns)]
    return "\n".join([HEADER, *lines, ""])


def _routes(
    patterns: list[URLPattern | URLResolver], prefix: str = "", namespaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from _routes(entry.url_patterns, prefix + _expression(entry.pattern), inner)
        else:
            name = ":".join((*namespaces, entry.name)) if entry.name else UNNAMED
            yield prefix + _expression(entry.pattern), name


def _expression(pattern: object) -> str:
    """Return what a URL pattern matches, as NGINX (PCRE) writes it, without the `^` and the names of its groups."""
    if not isinstance(pattern, RegexPattern | RoutePattern):
        raise ImproperlyConfigured(f"NGINX cannot be told of {pattern!r}: use path() or re_path().")
    expression = pattern.regex.pattern
    # Django matches an end-point that ends with `$` as a whole, and searches every other one.
    whole = isinstance(pattern, RegexPattern) and pattern._is_endpoint and expression.endswith("$")
    if whole:
        expression = f"(?:{expression[:-1].removeprefix('^')})" + r"\z"
    elif expression.startswith("^"):
        expression = expression.removeprefix("^")
    elif expression:
        raise ImproperlyConfigured(f"NGINX cannot be told of {expression!r}: begin it with ^.")
    # `\Z` is Python's end of the text; in PCRE it lets a line break follow.
    return re.sub(r"\(\?P<\w+>", "(?:", expression).replace(r"\Z", r"\z").replace(r"\-", "-")


def _escaped(expression: str) -> str:
    """Write a regular expression between NGINX's double quotes, where a backslash says some letters are others."""
    return re.sub(r'\\(?=[\\"\'trn])|"', lambda found: "\\" + found.group(), expression)
