"""The HTTP server for the metrics process and the uWSGI exporter.

This module must not import prometheus_client, because the metrics process imports this module before it has prepared
its environment for that package.
"""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import NamedTuple

#: Maximum number of clients served at the same time. Each client needs a thread, and these threads and the workers
#: count towards the same process limit.
MAX_CLIENTS = 32


def exit_on_signals() -> None:
    """Make the program exit with code 0 on SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    content_type: str
    body: bytes


class Server(ThreadingMixIn, TCPServer):
    """A server with one thread per client, so that a slow client does not delay Prometheus.

    At most MAX_CLIENTS are served at once, and further clients wait. ``respond`` returns the response for a request's
    path and headers. ``name`` is the program's name in error messages. Raises OSError or UnicodeError if the
    server cannot listen on the address.
    """

    daemon_threads = True
    allow_reuse_address = True
    # With the default of 5, if ten clients connect at once, the next client waits for a second.
    request_queue_size = 128

    def __init__(self, name: str, address: tuple[str, int], respond: Callable[[str, Message], Response]) -> None:
        self.name = name
        self.respond = respond
        self._free = threading.BoundedSemaphore(MAX_CLIENTS)
        self.address_family, _, _, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        super().__init__(place, Handler)

    def process_request(self, request: socket.socket, client_address: tuple) -> None:
        """Start a thread for the client as soon as fewer than MAX_CLIENTS are being served."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket, client_address: tuple) -> None:
        """Serve the client in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: tuple) -> None:
        """Print the exception in one line."""
        error = sys.exception()
        print(f"{self.name}: {client_address[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    """Sends the response that the server's ``respond`` returns."""

    server: Server
    server_version = "metrics"
    sys_version = ""
    # Drop a client that stays silent for this many seconds. Prometheus sends its request immediately after connecting.
    timeout = 2

    def do_GET(self) -> None:
        """Respond to one request."""
        response = self.server.respond(self.path, self.headers)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Do not log requests, because Prometheus keeps track of its own scrapes."""
