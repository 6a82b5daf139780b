"""Fetch uWSGI's statistics over HTTP, TCP or a UNIX socket, with one deadline for the whole fetch."""

import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

MAX_STATS_BYTES = 16 * 1024 * 1024


class StatsError(Exception):
    """uWSGI's statistics could not be fetched. The message gives the reason in one sentence."""


class StatsSource:
    """The address of uWSGI's statistics: ``http://host:port``, ``tcp://host:port`` or ``unix:///path``.

    If the scheme is missing, http is used, as in timonwong/uwsgi_exporter. Raises ValueError for an invalid address.
    """

    def __init__(self, uri: str):
        parts = urlsplit(uri if "://" in uri else f"http://{uri}")
        if parts.scheme not in ("http", "tcp", "unix"):
            raise ValueError(f"the scheme is {parts.scheme!r}, but must be http, tcp or unix")
        if parts.scheme == "unix":
            if not parts.path or parts.netloc:
                raise ValueError("write a UNIX socket as unix:///path/to/socket")
        elif not parts.hostname or not (parts.port or parts.scheme == "http"):
            raise ValueError("host or port is missing")
        else:
            parts.hostname.encode("idna")
        self.uri = uri
        self._path = parts.path
        self._address = None if parts.scheme == "unix" else (parts.hostname, parts.port or 80)
        self._request = b""
        if parts.scheme == "http":
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self._request = f"GET {target} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()

    def read(self, timeout: float) -> dict[str, Any]:
        """Fetch the statistics within ``timeout`` seconds in total. Raises StatsError."""
        deadline = time.monotonic() + timeout
        try:
            response = self._exchange(deadline)
        except TimeoutError as error:
            raise StatsError(f"uWSGI did not send its statistics within {timeout:g} s") from error
        except OSError as error:
            raise StatsError(f"cannot read uWSGI's statistics: {error.strerror or error}") from error
        if self._request:
            head, _, response = response.partition(b"\r\n\r\n")
            status = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
            if not status:
                raise StatsError("the response is not HTTP; set stats-http in uWSGI, or use tcp://")
            if status[1] != b"200":
                raise StatsError(f"the response has HTTP status {status[1].decode()}")
        return parse_stats(response)

    def _exchange(self, deadline: float) -> bytes:
        with self._connect(deadline) as connection:
            connection.sendall(self._request)
            response = bytearray()
            while len(response) <= MAX_STATS_BYTES:
                connection.settimeout(_remaining(deadline))
                if not (chunk := connection.recv(65536)):
                    return bytes(response)
                response += chunk
        raise StatsError(f"the response is longer than {MAX_STATS_BYTES} bytes")

    def _connect(self, deadline: float) -> socket.socket:
        if self._address is None:
            candidates = [(socket.AF_UNIX, self._path)]
        else:
            host, port = self._address
            # uWSGI listens on 127.0.0.1. A resolver may not know localhost at all, or may return ::1 first, where
            # another program may be listening.
            names = ("127.0.0.1", "::1") if host == "localhost" else (host,)
            found = [each for name in names for each in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
            candidates = [(family, address) for family, _, _, _, address in found]
        for family, address in candidates:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(_remaining(deadline))
                connection.connect(address)
                return connection
            except OSError as error:
                connection.close()
                failure = error
        raise failure


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def parse_stats(text: bytes) -> dict[str, Any]:
    """Parse uWSGI's JSON. Raises StatsError if it is not a document with ``workers``."""
    try:
        # uWSGI does not escape paths, so control characters and invalid UTF-8 must be accepted.
        stats = json.loads(text.decode(errors="replace"), strict=False, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise StatsError(f"the response is not JSON: {error}") from error
    if not isinstance(stats, dict) or "workers" not in stats:
        raise StatsError("the response is JSON, but not uWSGI's statistics")
    return stats


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
