"""Fixtures for the tests of the uWSGI exporter."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.telemetry.programs import RunningExporter, answering, running_exporter, send_all


@pytest.fixture
def recorded() -> bytes:
    """Statistics from uWSGI 2.0.31 with 2 workers, memory-report and stats-no-cores, during its ninth request."""
    return (Path(__file__).parent / "uwsgi-2.0.31.json").read_bytes()


@pytest.fixture
def start_exporter() -> Iterator[Callable[..., RunningExporter]]:
    """A function that starts an exporter with a ``--stats.uri`` and further flags. It is stopped after the test."""
    with ExitStack() as stack:
        yield lambda uri, *flags: stack.enter_context(running_exporter(uri, *flags))


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """A function that starts a server on a free port or a UNIX socket and returns its address.

    Given bytes, the server sends them to each client, like uWSGI's stats server. Given a function, it calls that with
    each connection.
    """
    with ExitStack() as stack:

        def start(answer: bytes | Callable[[socket.socket], None], unix: Path | None = None) -> str:
            if isinstance(answer, bytes):
                return stack.enter_context(answering(lambda connection: send_all(connection, answer), unix))
            return stack.enter_context(answering(answer, unix))

        yield start
