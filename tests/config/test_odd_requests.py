"""Test how the lab's own servers handle HEAD and odd requests, and that slow clients do not delay others."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from pomar_telemetry.http_server import MAX_CLIENTS

from lab.paths import ROOT
from lab.runtimes.ports import free_ports
from tests.config.front import can_connect, ending
from tests.eventually import eventually


@dataclass(frozen=True)
class Running:
    """A running server: its port, its PID, a path that it serves, and its log file."""

    port: int
    pid: int
    path: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def connect(self) -> socket.socket:
        """Open a connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)


def exporter(port: int, _: Path) -> tuple[list, dict, str]:
    # Nothing listens at this URL, so each scrape of uWSGI fails immediately. The exporter still responds.
    command = ["-m", "pomar_telemetry.uwsgi_exporter", "--stats.uri=http://127.0.0.1:1"]
    return [*command, f"--web.listen-address=127.0.0.1:{port}"], {}, "/metrics"


def receiver(port: int, folder: Path) -> tuple[list, dict, str]:
    command = ["-m", "alertmanager.receiver", f"--file={folder}/kept.jsonl"]
    return [*command, f"--listen-address=127.0.0.1:{port}"], {}, "/notifications"


def metrics_process(port: int, folder: Path) -> tuple[list, dict, str]:
    environment = {
        "PYTHONPATH": str(ROOT / "app"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{folder}/none.sqlite3",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        "APP_METRICS_PORT": str(port),
    }
    return ["-m", "pomar_telemetry.server"], environment, "/metrics"


@pytest.fixture(scope="module", params=[exporter, receiver, metrics_process], ids=lambda each: each.__name__)
def server(request, tmp_path_factory) -> Iterator[Running]:
    """Each server in turn, already running."""
    folder = tmp_path_factory.mktemp("server")
    with running(request.param, folder) as one:
        yield one


@contextmanager
def running(kind, folder: Path) -> Iterator[Running]:
    """Run a server for the duration of the block."""
    (port,) = free_ports(1)
    arguments, environment, path = kind(port, folder)
    log = folder / "log"
    with (
        log.open("wb") as file,
        ending(
            [sys.executable, *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        eventually(lambda: can_connect(port), because="the server starts")
        yield Running(port, process.pid, path, log)


def test_head_returns_the_headers_of_get_without_a_body(server):
    got = requests.get(server.url, timeout=5)

    with server.connect() as connection:
        connection.sendall(f"HEAD {server.path} HTTP/1.0\r\n\r\n".encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")

    assert got.status_code == 200
    assert head.split()[1] == b"200"
    assert got.headers["Content-Type"].encode() in head
    assert re.search(rb"(?i)^content-length: [1-9]", head, re.MULTILINE)
    assert body == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"OPTIONS / HTTP/1.0\r\n\r\n",
        b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xfe\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET " + b"/" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"".join(b"a%d: 1\r\n" % number for number in range(200)) + b"\r\n",
        b"GET / HTTP/1.0\r\na: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.0\r\nX-Prometheus-Scrape-Timeout-Seconds: nan\r\nAccept: \xff;q=x\r\n\r\n",
        b"HEAD /none HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n",
        b"",
    ],
    ids=lambda each: repr(each[:24]),
)
def test_the_server_survives_an_odd_request_without_a_traceback(server, request_bytes):
    before = server.log.read_text()

    with server.connect() as connection:
        connection.sendall(request_bytes)

    assert requests.get(server.url, timeout=5).status_code == 200
    assert "Traceback" not in server.log.read_text().removeprefix(before)


def test_silent_and_slow_clients_do_not_delay_others(server):
    with ExitStack() as held:
        for number in range(10):
            connection = held.enter_context(server.connect())
            if number % 2:
                connection.sendall(b"GET /metrics HTT")
        began = time.monotonic()

        assert requests.get(server.url, timeout=5).status_code == 200
        assert time.monotonic() - began < 1


def test_a_client_that_disconnects_early_leaves_no_traceback(server):
    before = server.log.read_text()

    for _ in range(5):
        with server.connect() as connection:
            # Close the connection with a reset, as if the client had been killed.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.sendall(f"GET {server.path} HTTP/1.0\r\n\r\n".encode())

    assert requests.get(server.url, timeout=5).status_code == 200
    assert "Traceback" not in server.log.read_text().removeprefix(before)


@pytest.mark.parametrize("kind", [exporter, metrics_process], ids=lambda each: each.__name__)
def test_many_silent_clients_use_few_threads(kind, tmp_path):
    with running(kind, tmp_path) as server, ExitStack() as held:
        for _ in range(MAX_CLIENTS + 20):
            held.enter_context(server.connect())

        # The server closes silent connections after two seconds. Prometheus's scrape timeout is four seconds.
        assert requests.get(server.url, timeout=4).status_code == 200
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) <= MAX_CLIENTS + 5
