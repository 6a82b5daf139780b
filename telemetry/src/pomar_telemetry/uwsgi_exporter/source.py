"""Fetching uWSGI's statistics over HTTP, TCP or a UNIX socket, with one deadline for the whole fetch."""

import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

MAX_STATS_BYTES = 16 * 1024 * 1024


class StatsError(Exception):
    """uWSGI's statistics could not be had; the message is one sentence that says why."""


class StatsSource:
    """Where uWSGI's statistics are read: ``http://host:port``, ``tcp://host:port`` or ``unix:///path``.

    An address without a scheme is taken as http, as the original does. Raises ValueError for anything else.
    """

    def __init__(self, uri: str):
        parts = urlsplit(uri if "://" in uri else f"http://{uri}")
        if parts.scheme not in ("http", "tcp", "unix"):
            raise ValueError(f"its scheme is {parts.scheme!r}, but must be http, tcp or unix")
        if parts.scheme == "unix":
            if not parts.path or parts.netloc:
                raise ValueError("write a UNIX socket as unix:///path/to/socket")
        elif not parts.hostname or not (parts.port or parts.scheme == "http"):
            raise ValueError("it names no host and port")
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
        """Fetch the statistics within ``timeout`` seconds for the whole fetch; raises StatsError."""
        deadline = time.monotonic() + timeout
        try:
            answer = self._exchange(deadline)
        except TimeoutError as error:
            raise StatsError(f"uWSGI did not send its statistics within {timeout:g} s") from error
        except OSError as error:
            raise StatsError(f"uWSGI's statistics cannot be read: {error.strerror or error}") from error
        if self._request:
            head, _, answer = answer.partition(b"\r\n\r\n")
            status = re.match(rb"HTTP/1\.[01] (\d{3})\b", head)
            if not status:
                raise StatsError("the answer is not HTTP; uWSGI needs stats-http, or use tcp://")
            if status[1] != b"200":
                raise StatsError(f"the answer has HTTP status {status[1].decode()}")
        return parse_stats(answer)

    def _exchange(self, deadline: float) -> bytes:
        with self._connect(deadline) as connection:
            connection.sendall(self._request)
            answer = bytearray()
            while len(answer) <= MAX_STATS_BYTES:
                connection.settimeout(_remaining(deadline))
                if not (chunk := connection.recv(65536)):
                    return bytes(answer)
                answer += chunk
        raise StatsError(f"the answer is longer than {MAX_STATS_BYTES} bytes")

    def _connect(self, deadline: float) -> socket.socket:
        if self._address is None:
            candidates = [(socket.AF_UNIX, self._path)]
        else:
            host, port = self._address
            # uWSGI is on 127.0.0.1. The resolver may have ::1 first, where another program may listen, or know no name.
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
    """Read uWSGI's JSON; raises StatsError when it is anything but a document with a list of workers."""
    try:
        # uWSGI writes paths as they are, so neither control characters nor bad UTF-8 in them are an error.
        stats = json.loads(text.decode(errors="replace"), strict=False, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise StatsError(f"the answer is not JSON: {error}") from error
    if not isinstance(stats, dict) or "workers" not in stats:
        raise StatsError("the answer is JSON, but not uWSGI's statistics")
    return stats


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
