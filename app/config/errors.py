"""The shop's error pages.

Django's default error views check the CSRF token, which reads the request body. If the body cannot be read, that
raises another exception inside the error view, and the client gets no response. These views do not read the body.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

#: Seconds after which a client should retry. A restarting database is usually back by then.
RETRY_AFTER = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400."""
    return _bare(400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 403."""
    return _bare(403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404, with the shop's menu and the visitor's cart."""
    return HttpResponse(loader.get_template("404.html").render(request=request), status=404)


def shop_failed(request: HttpRequest) -> HttpResponse:
    """Return 503 if the database is unreachable, no matter which code needed it, and 500 for other errors."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return _bare(500)
    response = _bare(503)
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def _bare(status: int) -> HttpResponse:
    return HttpResponse(loader.get_template(f"{status}.html").render(), status=status)
