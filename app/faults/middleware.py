"""Faults on demand, to see what each tier's figures make of them: ``X-Lab-Fault: sleep=0.5``. For a lab alone.

The middleware is not there unless ``LAB_FAULTS`` is on, and it heeds only who brings the lab's token, ``X-Lab-Token``.
NGINX lets neither header through from anybody else.
"""

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
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

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        """Commit the fault; answer in the view's place when the fault is an answer, or is none (400)."""
        asked = request.headers.get("X-Lab-Fault", "")
        if not asked or not constant_time_compare(request.headers.get("X-Lab-Token", ""), settings.LAB_FAULTS_TOKEN):
            return None
        try:
            return commit(asked)
        except BadFault as error:
            return HttpResponse(f"{error}\n", status=400, content_type="text/plain")


def commit(asked: str) -> HttpResponseBase | None:
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


def _break_off() -> StreamingHttpResponse:
    """Begin an answer, and fail in its midst: what is raised there passes Django by, and reaches uWSGI."""

    def pieces() -> Iterator[bytes]:
        yield b"So far it went well"
        raise LabFault("X-Lab-Fault asked for an answer that breaks off")

    return StreamingHttpResponse(pieces(), content_type="text/plain")


def _abort() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _db_slow(seconds: float) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            connection.connection.create_function("pg_sleep", 1, time.sleep)
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def _db_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM a_table_that_there_is_not")


_connections: list[BaseDatabaseWrapper] = []


def _db_leak() -> None:
    # One more than this worker needs, and never given back.
    extra = connection.copy()
    extra.ensure_connection()
    _connections.append(extra)


_cache_clients: list[redis.Redis] = []


def _cache_leak(connections: int) -> None:
    location = settings.CACHES["default"].get("LOCATION", "")
    if "://" not in location:
        raise BadFault("X-Lab-Fault: cache-leak needs a cache that is a server: set CACHE_URL.")
    while len(_cache_clients) < connections:
        extra = redis.Redis.from_url(location)
        extra.ping()
        _cache_clients.append(extra)


#: Seconds that the cache keeps what a fault put there.
_CACHED_SECONDS = 20


def _cache_miss(lookups: int) -> None:
    for _ in range(lookups):
        cache.get(f"fault:{secrets.token_hex(8)}")


def _cache_fill(mebibytes: float) -> None:
    cache.set(f"fault:{secrets.token_hex(8)}", b"x" * int(mebibytes * 1024 * 1024), _CACHED_SECONDS)


_leaked: list[bytearray] = []


def _leak(mebibytes: float) -> None:
    # Written to, or the system would not count it as resident.
    _leaked.append(bytearray(b"x") * int(mebibytes * 1024 * 1024))


class Fault(NamedTuple):
    """What a fault does, and the amount that it takes: its unit and bounds."""

    commit: Callable[..., HttpResponseBase | None]
    unit: str = ""
    least: float = 0
    most: float = 0
    of: type = float


FAULTS = {
    "sleep": Fault(_sleep, "seconds", 0, 60),
    "status": Fault(_status, "a status", 400, 599, int),
    "error": Fault(_error),
    "abort": Fault(_abort),
    "break-off": Fault(_break_off),
    "db-slow": Fault(_db_slow, "seconds", 0, 60),
    "db-error": Fault(_db_error),
    "db-leak": Fault(_db_leak),
    "cache-miss": Fault(_cache_miss, "lookups", 1, 100, int),
    "cache-leak": Fault(_cache_leak, "connections", 1, 200, int),
    "cache-fill": Fault(_cache_fill, "MiB", 0, 1),
    "leak": Fault(_leak, "MiB", 0, 100),
}
