"""Simplify the Content-Type of each request before Django parses it.

Django parses this header while it creates the request, before any middleware or error handler runs. An exception at
that point escapes the application, and NGINX returns 502. Two examples are ``a/b; foo*=bogus''%41`` and,
if the URL has a query string, ``a/b;charset=hex``. The shop only needs the media type and the boundary of multipart
forms, and all its forms are UTF-8.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

#: RFC 9110, section 5.6.2.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})[ \t]*(?:;|\Z)")
#: RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r""";[ \t]*boundary=("?)([0-9A-Za-z'()+_,./:=?-]{1,70})\1[ \t]*(?:;|\Z)""", re.IGNORECASE)


def plain(content_type: str) -> str:
    """Return the media type, with the boundary if it is multipart. Return "" if the media type is invalid."""
    found = _MEDIA_TYPE.match(content_type)
    if not found:
        return ""
    media_type = found[1].lower()
    boundary = _BOUNDARY.search(content_type) if media_type.startswith("multipart/") else None
    return f'{media_type}; boundary="{boundary[2]}"' if boundary else media_type


class PlainContentType:
    """WSGI middleware that removes every Content-Type parameter except the boundary."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = plain(environ.get("CONTENT_TYPE", ""))
        return self._application(environ, start_response)
