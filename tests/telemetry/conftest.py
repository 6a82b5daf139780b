"""What the tests of the exporters share."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.telemetry.programs import RunningExporter, answering, running_exporter, send_all


@pytest.fixture
def recorded() -> bytes:
    """What uWSGI 2.0.31 with 2 workers, memory-report and stats-no-cores sent after 8 requests and in a ninth."""
    return (Path(__file__).parent / "uwsgi-2.0.31.json").read_bytes()


@pytest.fixture
def start_exporter() -> Iterator[Callable[..., RunningExporter]]:
    """Start an exporter with a ``--stats.uri`` and further flags; it ends with the test."""
    with ExitStack() as stack:
        yield lambda uri, *flags: stack.enter_context(running_exporter(uri, *flags))


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Listen, on a free port or a UNIX socket, and answer each connection; the address is returned.

    The answer is bytes, as from uWSGI's stats server, or a function that is handed the connection.
    """
    with ExitStack() as stack:

        def start(answer: bytes | Callable[[socket.socket], None], unix: Path | None = None) -> str:
            if isinstance(answer, bytes):
                return stack.enter_context(answering(lambda connection: send_all(connection, answer), unix))
            return stack.enter_context(answering(answer, unix))

        yield start
