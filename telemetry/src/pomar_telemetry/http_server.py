"""The HTTP server of the metrics process and of the uWSGI exporter.

It imports nothing of prometheus_client, which the metrics process may import only after it has changed its environment.
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

#: Clients served at the same moment; the threads count against the limit of processes that the workers have as well.
MOST_CLIENTS = 32


def exit_on_signals() -> None:
    """Let SIGTERM and SIGINT end the program with exit code 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


class Response(NamedTuple):
    """What a client is sent."""

    status: int
    content_type: str
    body: bytes


class Server(ThreadingMixIn, TCPServer):
    """A thread for each client, so that a slow or silent one does not hold up Prometheus; one too many waits.

    ``respond`` makes the response from the path and the headers of a request. ``name`` is how the program is called in
    what it prints. Raises OSError or UnicodeError when the address cannot be listened on.
    """

    daemon_threads = True
    allow_reuse_address = True
    # With the default of 5, ten clients at once make the next one wait for a second.
    request_queue_size = 128

    def __init__(self, name: str, address: tuple[str, int], respond: Callable[[str, Message], Response]) -> None:
        self.name = name
        self.respond = respond
        self._free = threading.BoundedSemaphore(MOST_CLIENTS)
        self.address_family, _, _, _, place = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        super().__init__(place, Handler)

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
        print(f"{self.name}: {client_address[0]}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)


class Handler(BaseHTTPRequestHandler):
    """Sends what the server's ``respond`` returns."""

    server: Server
    server_version = "metrics"
    sys_version = ""
    # As long as a client may be silent; Prometheus has sent its request at once.
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
        """Say nothing about requests: Prometheus counts its scrapes itself."""
