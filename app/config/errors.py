"""What a visitor is told when the shop itself fails."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error

#: Seconds after which it is worth to try again: a database that was restarted is back by then.
RETRY_AFTER = 5


def shop_failed(request: HttpRequest) -> HttpResponse:
    """Answer 503 when it is the database that is away, whichever layer asked it, and 500 for everything else."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return server_error(request)
    answer = HttpResponse(loader.get_template("503.html").render(), status=503)
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer
