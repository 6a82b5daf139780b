"""The receiver for the lab's notifications: stores everything that Alertmanager's webhook sends, and shows it on pages.

    python -m alertmanager.receiver --file=.lab/receiver/notifications.jsonl --listen-address=127.0.0.1:8095

``POST /`` accepts a notification (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4).
``GET /`` shows all notifications, and ``/notifications`` returns them as JSON. ``/runbooks/NAME`` shows a runbook.
``/dashboards/UID`` redirects to the dashboard in Grafana (``--grafana``) or shows it as a live page (``--prometheus``).
``/-/ready`` is the health check.
"""

import argparse
import json
import re
import signal
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from alertmanager import pages, runbooks
from alertmanager.notifications import Invalid, Notifications, notification, say

#: The maximum size of a notification in bytes. Alertmanager sends a few KiB.
MOST_BYTES = 1024 * 1024
#: The policy for pages that show content from other senders: no scripts may run in them.
NO_SCRIPTS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
#: The policy for live dashboards: they may run their own scripts, but no others.
OWN_SCRIPTS = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'"
)


class Handler(BaseHTTPRequestHandler):
    """Accepts notifications and serves the pages."""

    server: "Server"
    server_version = "receiver"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        """Serve a page."""
        path, _, query = self.path.partition("?")
        section, _, rest = path.removeprefix("/").partition("/")
        if path == "/":
            self._respond(200, pages.notifications(self.server.notifications.all()), "text/html")
        elif path == "/notifications":
            self._respond(200, f"[{b','.join(self.server.notifications.all()).decode()}]", "application/json")
        elif path == "/-/ready":
            self._respond(200, "ready\n")
        elif section == "runbooks" and (page := runbooks.page(rest)):
            self._respond(200, page, "text/html")
        elif section == "dashboards" and re.fullmatch(r"[\w./-]{,64}", rest):
            self._show_dashboard(rest, query)
        else:
            self._respond_not_found()

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Accept a notification. The status 200 means that it has been written to disk."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/":
            self._respond(404, "Send notifications to /.\n")
        elif not length.isdecimal():
            self._respond(411, "The request needs a Content-Length.\n")
        elif int(length) > MOST_BYTES:
            self._discard(int(length))
            self._respond(413, f"A notification may be at most {MOST_BYTES} bytes long.\n")
        else:
            self._take(int(length))

    def log_message(self, *_: object) -> None:
        """Do not log requests, because the notifications are kept anyway."""

    def _show_dashboard(self, rest: str, query: str) -> None:
        """Respond to a request for a path below ``/dashboards/``."""
        grafana, live = self.server.grafana, self.server.live
        if grafana:
            self._redirect(f"{grafana}/d/{rest}{'?' * bool(query)}{query}" if rest else f"{grafana}/dashboards")
        elif not live:
            self._respond_not_found()
        elif not rest:
            self._redirect(f"/dashboards/{live.first()}{'?' * bool(query)}{query}")
        elif rest.startswith("assets/"):
            found = live.asset(rest.removeprefix("assets/"))
            self._respond(200, *found) if found else self._respond_not_found()
        elif rest.endswith("/data"):
            data = live.data(rest.removesuffix("/data"), query)
            self._respond(200, json.dumps(data), "application/json") if data else self._respond_not_found()
        else:
            page = live.page(rest, query)
            self._respond(200, page, "text/html", OWN_SCRIPTS) if page else self._respond_not_found()

    def _respond_not_found(self) -> None:
        page = pages.message("Not found", "There is no page at this URL. Use the links above.")
        self._respond(404, page, "text/html")

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self, length: int) -> None:
        body = self.rfile.read(length)
        try:
            if len(body) < length:
                raise Invalid("the body is shorter than its Content-Length")
            self.server.notifications.add(notification(body))
        except Invalid as error:
            self._respond(400, f"Refused: {error}.\n")
        except OSError as error:
            # Alertmanager retries after a 503.
            say(f"cannot write a notification to disk: {error.strerror or error}.")
            self._respond(503, "The notification could not be written to disk: see the receiver's log.\n")
        else:
            self._respond(200, "Kept.\n")

    def _discard(self, length: int) -> None:
        """Read a rejected body, up to a limit, because a client that is still sending would not see the response."""
        left = min(length, 8 * MOST_BYTES)
        while left > 0 and (read := self.rfile.read1(min(left, 65536))):
            left -= len(read)

    def _respond(self, status: int, text: str, kind: str = "text/plain", policy: str = NO_SCRIPTS) -> None:
        # JSON may contain one half of a surrogate pair, which cannot be encoded on its own.
        body = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingMixIn, TCPServer):
    """Handles each request in its own thread, so that a slow client does not delay Alertmanager.

    ``grafana`` is the URL at which browsers reach Grafana, or empty if there is no Grafana. ``live`` serves the live
    dashboards. It is None if there are none.
    """

    daemon_threads = True
    allow_reuse_address = True
    # With the default of 5, if ten clients connect at once, the next client waits for a second.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], notifications: Notifications, grafana: str, live: Any) -> None:
        self.notifications = notifications
        self.grafana = grafana
        self.live = live
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: tuple) -> None:
        """Print one line if a client has closed its connection, and the full traceback for any other error."""
        if isinstance(error := sys.exception(), ConnectionError | TimeoutError):
            say(f"the client at {client_address[0]} closed its connection: {error}.")
        else:
            super().handle_error(request, client_address)


def listen_address(text: str) -> tuple[str, int]:
    """Parse ``host:port``. Without a host, the receiver listens on all addresses."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 127.0.0.1:8095")
    return host, int(port)


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit with a one-line error if the file or the address cannot be used."""
    flags = argparse.ArgumentParser(description="Keeps and shows Alertmanager's notifications.", allow_abbrev=False)
    flags.add_argument("--file", type=Path, required=True)
    flags.add_argument("--listen-address", dest="address", type=listen_address, default="127.0.0.1:8095")
    flags.add_argument("--grafana", default="", metavar="URL", help="redirect /dashboards/UID to this Grafana")
    flags.add_argument("--prometheus", default="", metavar="URL", help="without Grafana, draw it from this Prometheus")
    options = flags.parse_args()
    live = None
    if options.prometheus:
        # Import this only if it is used, because it needs additional packages and memory.
        from lab.runs.report.live import Live

        live = Live(options.prometheus)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        notifications = Notifications(options.file)
    except OSError as error:
        sys.exit(f"receiver: cannot read or write {options.file}: {error.strerror}.")
    try:
        server = Server(options.address, notifications, options.grafana, live)
    except OSError as error:
        sys.exit(f"receiver: cannot listen on {':'.join(map(str, options.address))}: {error.strerror}.")
    with server:
        say(f"listening on port {server.server_address[1]}, keeping notifications in {options.file}.")
        server.serve_forever()


if __name__ == "__main__":
    main()
