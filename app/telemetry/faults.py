"""Faults on demand, to see what each tier's figures make of them: ``X-Lab-Fault: sleep=0.5``. For a lab alone.

The middleware is not there unless ``LAB_FAULTS`` is on, and it heeds only who brings the lab's token, ``X-Lab-Token``.
NGINX lets neither header through from anybody else.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare


class LabFault(Exception):
    """An error of the shop that was asked for."""


class BadFault(Exception):
    """A fault that is not known, or not so large; the message is one sentence."""


class LabFaults:
    """Commits the fault that a request asks for, where its view would begin: inside of what measures the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """Commit the fault; answer in the view's place when the fault is an answer, or is none (400)."""
        asked = request.headers.get("X-Lab-Fault", "")
        if not asked or not constant_time_compare(request.headers.get("X-Lab-Token", ""), settings.LAB_FAULTS_TOKEN):
            return None
        try:
            return commit(asked)
        except BadFault as error:
            return HttpResponse(f"{error}\n", status=400, content_type="text/plain")


def commit(asked: str) -> HttpResponse | None:
    """Commit a fault as ``FAULTS`` names it; raises BadFault for any other."""
    name, _, amount = asked.partition("=")
    fault = FAULTS.get(name)
    if not fault:
        raise BadFault(f"X-Lab-Fault knows no {name!r}: ask for one of {', '.join(FAULTS)}.")
    if not fault.unit:
        if amount:
            raise BadFault(f"X-Lab-Fault: {name} takes no amount.")
        return fault.commit()
    try:
        number = fault.of(amount)
    except ValueError:
        number = -1
    if not fault.least <= number <= fault.most:
        bounds = f"{fault.least:g} to {fault.most:g}"
        raise BadFault(f"X-Lab-Fault: {name} needs {fault.unit} from {bounds}, as in {name}={fault.most:g}.")
    return fault.commit(number)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _status(status: int) -> HttpResponse:
    return HttpResponse(f"{status}, as X-Lab-Fault asked\n", status=status, content_type="text/plain")


def _error() -> None:
    raise LabFault("X-Lab-Fault asked for an error")


def _abort() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _db_slow(seconds: float) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            connection.connection.create_function("pg_sleep", 1, time.sleep)
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


_leaked: list[bytearray] = []


def _leak(mebibytes: float) -> None:
    # Written to, or the system would not count it as resident.
    _leaked.append(bytearray(b"x") * int(mebibytes * 1024 * 1024))


class Fault(NamedTuple):
    """What a fault does, and the amount that it takes: its unit and bounds."""

    commit: Callable[..., HttpResponse | None]
    unit: str = ""
    least: float = 0
    most: float = 0
    of: type = float


FAULTS = {
    "sleep": Fault(_sleep, "seconds", 0, 60),
    "status": Fault(_status, "a status", 400, 599, int),
    "error": Fault(_error),
    "abort": Fault(_abort),
    "db-slow": Fault(_db_slow, "seconds", 0, 60),
    "leak": Fault(_leak, "MiB", 0, 64),
}
