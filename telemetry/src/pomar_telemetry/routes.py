"""Django's URL names as entries for an NGINX `map` that matches paths exactly as Django's resolver does."""

import re
from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern

#: The route for paths whose URL pattern has no name, and for paths that match no URL pattern.
UNNAMED = "other"
HEADER = "# Generated from Django's URLs by manage.py nginx_routes"


def nginx_routes() -> str:
    """Return the map's entries, one per line: a regular expression and a name. The first match wins.

    Raises ImproperlyConfigured for a URL pattern that cannot be translated for NGINX.
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
    """Convert a URL pattern to a regular expression for NGINX (PCRE), without a leading `^` or named groups."""
    if not isinstance(pattern, RegexPattern | RoutePattern):
        raise ImproperlyConfigured(f"{pattern!r} cannot be translated for NGINX: use path() or re_path().")
    expression = pattern.regex.pattern
    # Django uses fullmatch() for an endpoint that ends with `$`, and search() for every other pattern.
    whole = isinstance(pattern, RegexPattern) and pattern._is_endpoint and expression.endswith("$")
    if whole:
        expression = f"(?:{expression[:-1].removeprefix('^')})" + r"\z"
    elif expression.startswith("^"):
        expression = expression.removeprefix("^")
    elif expression:
        raise ImproperlyConfigured(f"{expression!r} cannot be translated for NGINX: start it with ^.")
    # Python's `\Z` matches only at the end of the text; PCRE's also matches before a final line break.
    return re.sub(r"\(\?P<\w+>", "(?:", expression).replace(r"\Z", r"\z").replace(r"\-", "-")


def _escaped(expression: str) -> str:
    """Escape a regular expression for an NGINX string in double quotes."""
    return re.sub(r'\\(?=[\\"\'trn])|"', lambda found: "\\" + found.group(), expression)
