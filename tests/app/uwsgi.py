"""Run the shop under a real uWSGI with app/uwsgi.ini, in its own folder and on free ports."""

import os
import re
import secrets
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from lab.runtimes.ports import free_ports
from tests.config.front import can_connect, ending
from tests.config.samples import Labels, samples
from tests.eventually import eventually
from tests.programs import STATE, program

ROOT = Path(__file__).resolve().parent.parent.parent
START = ("pomar_counters_start_time_seconds", ())


class Shop:
    """A shop with its ports, its folder and its metrics."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.app, self.metrics, self.stats = free_ports(3)
        self.directory = folder / "metrics"
        self.log = folder / "app.log"
        self.environment = {
            "PATH": os.pathsep.join((str(STATE / "venv/bin"), os.environ["PATH"])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3",
            "PROMETHEUS_MULTIPROC_DIR": str(self.directory),
            "APP_PORT": str(self.app),
            "APP_METRICS_PORT": str(self.metrics),
            "APP_STATS_PORT": str(self.stats),
            "APP_FIFO": str(folder / "fifo"),
            "UWSGI_WORKERS": "2",
            **environment,
        }

    @property
    def command(self) -> list[str | Path]:
        """The command that the host runtime runs, plus options that make uWSGI stop quickly and completely."""
        # These options are the same as in tests/config/front.py, which explains them.
        quick = ["--no-orphans", "--reload-mercy", "2", "--worker-reload-mercy", "2", "--forkbomb-delay", "0"]
        return [program("uwsgi"), "--ini", ROOT / "app" / "uwsgi.ini", *quick]

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen]:
        """Run the shop until the end of the block, which is entered once the workers and the metrics are ready."""
        with self.log.open("ab") as log, ending(self.command, env=self.environment, stdout=log, stderr=log) as process:
            wanted = int(self.environment["UWSGI_WORKERS"])
            eventually(lambda: can_connect(self.metrics), because="the metrics process starts", timeout=20)
            eventually(lambda: len(self.workers()) == wanted, because="each worker has loaded the shop", timeout=20)
            yield process

    def workers(self) -> dict[str, int]:
        """Return the PID of each worker that has loaded the shop, by slot, from uWSGI's log."""
        text = self.log.read_text(errors="replace")
        loaded = set(re.findall(r"WSGI app 0 .* ready in .* pid: (\d+)", text))
        spawned = re.findall(r"[Ss]pawned uWSGI worker (\d+) \(.*?pid: (\d+)", text)
        spawned += re.findall(r"Respawned uWSGI worker (\d+) \(new pid: (\d+)\)", text)
        return {slot: int(pid) for slot, pid in spawned if pid in loaded}

    def samples(self) -> dict[tuple[str, Labels], float]:
        """Scrape the metrics process and return all samples."""
        return samples(self.metrics)

    def ask(self, path: str = "/health/live", count: int = 1) -> None:
        """Send requests over the uwsgi protocol, as NGINX does. Any worker may handle them."""
        for _ in range(count):
            variables = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "HTTP_HOST": "localhost"}
            variables |= {"SERVER_NAME": "localhost", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1"}
            assert uwsgi_request(self.app, variables | {"HTTP_X_FORWARDED_PROTO": "https"}).startswith(b"HTTP/1.1 200")

    def page(self) -> requests.Response:
        """Scrape the metrics process and return the response."""
        return requests.get(f"http://127.0.0.1:{self.metrics}/metrics", timeout=5)


def uwsgi_request(port: int, variables: dict[str, str]) -> bytes:
    """Send one request over the uwsgi protocol and return the whole response."""

    def sized(text: str) -> bytes:
        return struct.pack("<H", len(text)) + text.encode()

    packet = b"".join(sized(name) + sized(value) for name, value in variables.items())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(struct.pack("<BHB", 0, len(packet), 0) + packet)
        response = b""
        while chunk := connection.recv(65536):
            response += chunk
    return response
