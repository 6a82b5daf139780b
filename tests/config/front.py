"""A real NGINX with the lab's configuration, on free ports and in a separate folder."""

import json
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import http
from lab.runtimes import certificates
from lab.runtimes.host import prepare
from lab.runtimes.ports import free_ports
from tests.eventually import eventually
from tests.programs import program

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "0123456789abcdef" * 2
HOSTS = ["localhost", "127.0.0.1", "shop.example"]


@dataclass(frozen=True)
class Line:
    """One line of the metrics log."""

    route: str
    method: str
    status: str
    seconds: str
    upstream: str
    size: str
    outcome: str
    run: str


@dataclass(frozen=True)
class Response:
    """A response. ``headers`` has an entry per header line, with the name in lower case.

    ``line`` is the request's parsed line in the metrics log.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    line: Line

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    def json(self) -> dict:
        """Return the request that the test app received, which is the response body."""
        return json.loads(self.body)


class Front:
    """An NGINX for tests. ``https``, ``http``, ``status`` and ``app`` are its ports on 127.0.0.1."""

    def __init__(self, prefix: Path, hosts: Sequence[str] = HOSTS) -> None:
        """Create the folder for `nginx -p`, as the host runtime does."""
        self.prefix = prefix
        self.hosts = list(hosts)
        self.https, self.http, self.status, self.app = free_ports(4)
        for name in ("conf", "logs", "run", "static/css", "tmp"):
            (prefix / name).mkdir(parents=True)
        for path in (ROOT / "nginx").iterdir():
            (prefix / "conf" / path.name).symlink_to(path)
        self.ca = certificates.ensure(prefix / "made", self.hosts).ca
        self.write_listen_conf(f":{self.https}")
        (prefix / "made" / "lab-token.conf").write_text(f"{TOKEN} right;\n")
        self._logged = 0

    def write_listen_conf(self, authority_port: str, address: str = "127.0.0.1") -> None:
        """Render ``listen.conf`` from its template."""
        values = {
            "LISTEN_ADDRESS": address,
            "SHOP_HTTP_PORT": self.http,
            "SHOP_HTTPS_PORT": self.https,
            "SHOP_HTTPS_AUTHORITY_PORT": authority_port,
            "NGINX_STATUS_PORT": self.status,
            "APP_PORT": self.app,
            "SHOP_HOSTS": " ".join(self.hosts),
        }
        prepare.write_listen_conf(self.prefix, values, self._nginx())

    def _nginx(self) -> list[str]:
        # When started as root, NGINX runs its workers as `nobody`, which has no access to the test's folder.
        user = " user root;" if os.geteuid() == 0 else ""
        return [str(program("nginx")), "-g", f"daemon off;{user}"]

    def command(self, *arguments: str) -> list[str]:
        """Return the NGINX command that the host runtime uses, with these arguments added."""
        return [*self._nginx(), "-e", "stderr", "-p", f"{self.prefix}/", "-c", "conf/nginx.conf", *arguments]

    @contextmanager
    def running(self):
        """Run NGINX for the duration of the block. Its error log is ``logs/error.log``."""
        with (self.prefix / "logs" / "error.log").open("ab") as log, ending(self.command(), stderr=log) as process:
            eventually(lambda: self.get("/", port=self.status, tls=False).status == 404, because="NGINX starts")
            yield process

    @contextmanager
    def app_running(self, *, workers: int = 2):
        """Run the test app under uWSGI for the duration of the block."""
        command = [program("uwsgi"), "--master", "--die-on-term", "--need-app", "--disable-logging", "--lazy-apps"]
        command += ["--chdir", ROOT, "--module", "tests.config.app", "--workers", str(workers)]
        command += ["--socket", f"127.0.0.1:{self.app}", *_request_limits()]
        # A worker that has just been respawned may miss the signal to exit, so wait only two seconds for workers.
        command += ["--no-orphans", "--reload-mercy", "2", "--worker-reload-mercy", "2"]
        # With a delay, the master could respawn a worker after the signal to exit, and would then never exit.
        command += ["--forkbomb-delay", "0"]
        with (self.prefix / "logs" / "app.log").open("ab") as log, ending(command, stdout=log, stderr=log) as process:
            eventually(lambda: can_connect(self.app), because="uWSGI starts")
            yield process

    def get(self, path: str = "/", *, method: str = "GET", headers: str = "", **options) -> Response:
        """Send a request with exactly this path, and return the response. ``headers`` are lines that end with CRLF."""
        host = "" if "host:" in headers.lower() else "Host: localhost\r\n"
        return self.send(f"{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n".encode(), **options)

    def send(self, request: bytes, *, port: int | None = None, tls: bool = True) -> Response:
        """Send bytes. Return the response when the connection is closed and the request is logged."""
        with self.connection(port=port, tls=tls) as connection:
            connection.sendall(request)
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines)]
        if ("transfer-encoding", "chunked") in headers:
            body = dechunked(body)
        return Response(int(first.split()[1]), headers, body, self.next_line())

    def connection(self, *, port: int | None = None, tls: bool = True, name: str = "localhost") -> socket.socket:
        """Open a TLS connection to the shop and verify its certificate. If ``tls`` is false, open a plain one."""
        plain = socket.create_connection(("127.0.0.1", port or self.https), timeout=10)
        if not tls:
            return plain
        return ssl.create_default_context(cafile=self.ca).wrap_socket(plain, server_hostname=name)

    def next_line(self) -> Line:
        """Wait for a new line in the metrics log, check that it is the only new one, and return it."""
        self._logged += 1
        lines = eventually(
            lambda: (self.prefix / "logs" / "metrics.writing.log").read_text().splitlines(),
            because="each request is logged",
            wanted=lambda seen: len(seen) >= self._logged,
        )
        assert len(lines) == self._logged, lines[self._logged - 1 :]
        match = re.fullmatch(r'(\S+) (\S+) (\d{3}) (\d+\.\d{3}) "([^"]*)" (\d+) (\S+) (load|other)', lines[-1])
        assert match, lines[-1]
        return Line(*match.groups())

    @contextmanager
    def mtail_running(self):
        """Run mtail on the metrics log and yield its port. It logs to ``logs/mtail.log``."""
        (port,) = free_ports(1)
        command = [program("mtail"), "--progs", ROOT / "nginx" / "access_log.mtail", "--emit_prog_label=false"]
        command += ["--logs", self.prefix / "logs" / "metrics.log", "--address", "127.0.0.1", "--port", str(port)]
        folder = self.prefix / "mtail"
        folder.mkdir()
        options = {"cwd": folder, "env": {"TMPDIR": str(folder)}}
        with (
            (self.prefix / "logs" / "mtail.log").open("ab") as log,
            ending([*command, "--logtostderr"], stdout=log, stderr=log, **options),
        ):
            eventually(lambda: can_connect(port), because="mtail starts")
            if (self.prefix / "logs" / "metrics.log").exists():
                # mtail listens before it opens the log at its end, so it would miss lines written in between.
                eventually(
                    lambda: http.get(f"http://127.0.0.1:{port}/debug/vars").json()["log_opens_total"],
                    because="mtail has opened the log",
                )
            yield port

    @contextmanager
    def rotation_running(self, *, max_bytes: int):
        """Rotate the logs for the duration of the block, and check their size more often than the lab does."""
        settings = {
            "LOG_MAX_BYTES": str(max_bytes),
            "LOG_CHECK_SECONDS": "0.05",
            "LOG_GRACE_SECONDS": "0.5",
            "LOG_MIN_SECONDS": "1",
        }
        command = ["sh", ROOT / "nginx" / "rotate-logs.sh", self.prefix]
        with ending(command, env={"PATH": os.defpath, **settings}) as process:
            yield process

    def visitors(self) -> list[dict]:
        """Return the entries in ``access.log``, the JSON log for human readers."""
        text = (self.prefix / "logs" / "access.log").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines()]


def _request_limits() -> list[str]:
    """Return the request limits in uwsgi.ini as command-line flags for uWSGI."""
    text = (ROOT / "app" / "uwsgi.ini").read_text()
    found = re.findall(r"^(buffer-size|max-vars|post-buffering) = (\d+)$", text, re.MULTILINE)
    return [word for name, value in found for word in (f"--{name}", value)]


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes the connection."""
    with connection.makefile("rb") as file:
        return file.read()


def dechunked(body: bytes) -> bytes:
    """Decode a chunked body."""
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


def can_connect(port: int) -> bool:
    """Return True if a program is listening on this port. Otherwise raise an OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextmanager
def ending(command, **options):
    """Run a program for the duration of the block. Fail if it does not exit within 10 s of SIGTERM."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
