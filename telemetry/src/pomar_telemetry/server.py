"""Serve ``/metrics`` of the whole shop from a process beside uWSGI's workers: ``python -m pomar_telemetry.server``.

uWSGI's master starts it (``attach-daemon``) and starts it again if it ends. Because it is no worker, a scrape takes
none, is counted as no request, and is answered while every worker is stuck. It listens on ``APP_METRICS_ADDRESS``
(127.0.0.1) and ``APP_METRICS_PORT`` (8001).
"""

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: Clients served at the same moment; the threads count against the limit of processes that the workers have as well.
MOST_CLIENTS = 32


class Server(ThreadingMixIn, TCPServer):
    """A thread for each request, so that a silent client does not hold up Prometheus; one too many waits."""

    daemon_threads = True
    allow_reuse_address = True
    # With the default of 5, ten clients at once make the next one wait for a second.
    request_queue_size = 128

    def __init__(self, host: str, port: int, registry: "CollectorRegistry") -> None:
        self.registry = registry
        self._free = threading.BoundedSemaphore(MOST_CLIENTS)
        self.address_family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__(address, Handler)

    def process_request(self, request: socket.socket, client_address: tuple) -> None:
        """Begin a thread for the client once there are few enough."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket, client_address: tuple) -> None:
        """Serve the client, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: tuple) -> None:
        """Report what went wrong in one line."""
        error = sys.exception()
        print(f"telemetry.server: {client_address[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    """Answers every path with the metrics."""

    server: Server
    server_version = "metrics"
    sys_version = ""
    # As long as a client may be silent; Prometheus has sent its request at once.
    timeout = 2

    def do_GET(self) -> None:
        """Answer with all metrics in the format that is asked for."""
        # Here, because the client library must not be imported before main() has taken its directory away.
        from prometheus_client.exposition import choose_encoder

        encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
        body = encoder(self.server.registry)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing about requests: Prometheus counts its scrapes itself."""


def main() -> None:
    """Serve until SIGTERM or SIGINT; end with one sentence when the address cannot be bound."""
    address = os.environ.get("APP_METRICS_ADDRESS", "127.0.0.1")
    port = int(os.environ.get("APP_METRICS_PORT", "8001"))

    # Before prometheus_client is imported: this process reads the workers' files and writes none.
    directory = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if not directory:
        sys.exit("telemetry.server: set PROMETHEUS_MULTIPROC_DIR to the directory that the workers write to.")

    import django

    django.setup()

    import psutil
    from prometheus_client import CollectorRegistry

    from pomar_telemetry.database import DatabaseFigures
    from pomar_telemetry.workers import WorkerMetrics, WorkerProcesses

    figures = DatabaseFigures()
    figures.start()
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(Path(directory)))
    registry.register(WorkerProcesses(psutil.Process(os.getppid())))
    registry.register(figures)
    try:
        server = Server(address, port, registry)
    except OSError as error:
        sys.exit(f"telemetry.server: {address}:{port} cannot be bound: {error.strerror}.")
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    main()
