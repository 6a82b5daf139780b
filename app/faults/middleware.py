"""Inject faults into requests, to see how they appear in each tier's metrics. Only for use in a lab.

The middleware is installed only if ``LAB_FAULTS`` is on. Clients that send the lab token in ``X-Lab-Token`` can inject
a fault, for example with ``X-Lab-Fault: sleep=0.5``. NGINX removes both headers from all other requests.
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
    """An injected exception."""


class BadFault(Exception):
    """The requested fault is unknown or its amount is out of range. The message is one sentence."""


class LabFaults:
    """Injects the requested fault just before the view runs, so that it is measured as part of the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        """Inject the requested fault, if any. Return None to let the view respond.

        If the fault is itself a response, return that. If the request for it is invalid, return 400.
        """
        requested = request.headers.get("X-Lab-Fault", "")
        token = request.headers.get("X-Lab-Token", "")
        if not requested or not constant_time_compare(token, settings.LAB_FAULTS_TOKEN):
            return None
        try:
            return inject(requested)
        except BadFault as error:
            return HttpResponse(f"{error}\n", status=400, content_type="text/plain")


def inject(requested: str) -> HttpResponseBase | None:
    """Inject a fault from ``FAULTS``, such as ``sleep=0.5``. Raises BadFault if it is unknown or out of range."""
    name, _, amount = requested.partition("=")
    fault = FAULTS.get(name)
    if not fault:
        raise BadFault(f"X-Lab-Fault: unknown fault {name!r}; use one of {', '.join(FAULTS)}.")
    if not fault.unit:
        if amount:
            raise BadFault(f"X-Lab-Fault: {name} takes no amount.")
        return fault.inject()
    try:
        number = fault.of(amount)
    except ValueError:
        number = -1
    if not fault.minimum <= number <= fault.maximum:
        bounds = f"from {fault.minimum:g} to {fault.maximum:g}"
        raise BadFault(f"X-Lab-Fault: {name} needs {fault.unit} {bounds}, for example {name}={fault.maximum:g}.")
    return fault.inject(number)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _status(status: int) -> HttpResponse:
    return HttpResponse(f"{status}, requested by X-Lab-Fault\n", status=status, content_type="text/plain")


def _error() -> None:
    raise LabFault("error requested by X-Lab-Fault")


def _break_off() -> StreamingHttpResponse:
    """Start a response, then raise. Django does not catch exceptions in a streamed body, so this one reaches uWSGI."""

    def pieces() -> Iterator[bytes]:
        yield b"The first bytes of the response"
        raise LabFault("truncated response requested by X-Lab-Fault")

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
        cursor.execute("SELECT * FROM missing_table")


_connections: list[BaseDatabaseWrapper] = []


def _db_leak() -> None:
    # An extra connection that this worker never closes.
    extra = connection.copy()
    extra.ensure_connection()
    _connections.append(extra)


_cache_clients: list[redis.Redis] = []


def _cache_leak(connections: int) -> None:
    location = settings.CACHES["default"].get("LOCATION", "")
    if "://" not in location:
        raise BadFault("X-Lab-Fault: cache-leak needs a cache server: set CACHE_URL.")
    while len(_cache_clients) < connections:
        extra = redis.Redis.from_url(location)
        extra.ping()
        _cache_clients.append(extra)


#: The lifetime of the values that a fault stores in the cache, in seconds.
_CACHED_SECONDS = 20


def _cache_miss(lookups: int) -> None:
    for _ in range(lookups):
        cache.get(f"fault:{secrets.token_hex(8)}")


def _cache_fill(mebibytes: float) -> None:
    cache.set(f"fault:{secrets.token_hex(8)}", b"x" * int(mebibytes * 1024 * 1024), _CACHED_SECONDS)


_leaked: list[bytearray] = []


def _leak(mebibytes: float) -> None:
    # Memory counts as resident only once it has been written to.
    _leaked.append(bytearray(b"x") * int(mebibytes * 1024 * 1024))


class Fault(NamedTuple):
    """A fault: the function that injects it, and the unit, bounds and type of its amount."""

    inject: Callable[..., HttpResponseBase | None]
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
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
