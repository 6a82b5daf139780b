#!/usr/bin/env python3
"""The receiver of the lab's notifications: it takes Alertmanager's webhook and keeps what came, for people to look at.

    python alertmanager/receiver.py --file=.lab/receiver/notifications.jsonl --listen-address=127.0.0.1:8095

``POST /`` takes a notification (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4),
``GET /`` is a page of them, ``GET /notifications`` the same as JSON, ``GET /-/ready`` says that it works. Uses the
standard library only.
"""

import argparse
import html
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn

#: The largest notification that is taken; Alertmanager's are some KiB.
MOST_BYTES = 1024 * 1024
#: What is kept, at most: whichever bound is met first.
KEPT_NOTIFICATIONS = 1000
KEPT_BYTES = 8 * 1024 * 1024

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10">
<title>Notifications</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #ddd }}
td:first-child {{ white-space: nowrap }}
.firing td:nth-child(3) {{ color: #b00020; font-weight: 600 }}
.resolved td:nth-child(3) {{ color: #1b6e2e; font-weight: 600 }}
</style>
<h1>Notifications</h1>
<p>What Alertmanager has sent, the newest first. <a href="/notifications">As JSON</a></p>
<table>
<thead><tr><th>Received (UTC)<th>Receiver<th>Status<th>Alert<th>Severity<th>Summary</thead>
<tbody>
{rows}
</tbody>
</table>
"""


class Invalid(ValueError):
    """What was sent is no notification; the message is one sentence on why."""


class Notifications:
    """The notifications that are kept, in memory and in a file of one JSON object a line.

    The file outlives a restart. It may grow to twice what is kept before it is written anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: list[tuple[str, bytes]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                receiver = notification(line)["receiver"]
            except Invalid:
                # The last line of a machine that went away while it was written: Alertmanager had no answer for it,
                # and sends it again.
                continue
            self._keep(receiver, line)
        self._write_anew()

    def add(self, sent: dict) -> None:
        """Keep a notification, with the time at which it came; raises OSError when the disk does not take it."""
        came = {**sent, "received": datetime.now(UTC).isoformat(timespec="milliseconds")}
        line = json.dumps(came).encode()
        with self._lock:
            self._append(line + b"\n")
            self._keep(sent["receiver"], line)
            if self._written > 2 * KEPT_BYTES or self._lines > 2 * KEPT_NOTIFICATIONS:
                self._shorten()

    def all(self) -> list[bytes]:
        """Return all that are kept, each as JSON, the oldest first."""
        with self._lock:
            return [line for _, line in self._kept]

    def _keep(self, receiver: str, line: bytes) -> None:
        """Keep one more. When that is too many, the receiver that has most loses its oldest: a heartbeat that comes
        each minute pushes out heartbeats, and no page."""
        self._kept.append((receiver, line))
        while len(self._kept) > KEPT_NOTIFICATIONS or sum(len(each) for _, each in self._kept) > KEPT_BYTES:
            ((most, _),) = Counter(name for name, _ in self._kept).most_common(1)
            self._kept.remove(next(each for each in self._kept if each[0] == most))

    def _append(self, line: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                if file.write(line) != len(line):
                    raise OSError("no space left on the disk")
                os.fsync(file.fileno())
            except OSError:
                # Nothing half written: it is refused, and Alertmanager sends it again.
                file.truncate(before)
                raise
        self._written += len(line)
        self._lines += 1

    def _shorten(self) -> None:
        try:
            self._write_anew()
        except OSError as error:
            # The notification is kept all the same; the next one tries again.
            say(f"{self._path} cannot be written anew: {error.strerror}.")

    def _write_anew(self) -> None:
        """Write what is kept, whole or not at all."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("wb") as file:
            file.writelines(line + b"\n" for _, line in self._kept)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._written = self._path.stat().st_size
        self._lines = len(self._kept)


def notification(body: bytes) -> dict:
    """Read a notification; raises Invalid for anything else."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("this is no JSON") from error
    if not isinstance(sent, dict) or sent.get("version") != "4":
        raise Invalid("this is no notification of Alertmanager's, version 4")
    if not isinstance(sent.get("receiver"), str) or sent.get("status") not in ("firing", "resolved"):
        raise Invalid("a notification needs a receiver, and the status firing or resolved")
    alerts = sent.get("alerts")
    if not isinstance(alerts, list) or not all(_is_alert(alert) for alert in alerts):
        raise Invalid("a notification needs alerts, each with labels and annotations")
    return sent


def _is_alert(alert: object) -> bool:
    return isinstance(alert, dict) and all(
        isinstance(alert.get(field), dict) and all(isinstance(value, str) for value in alert[field].values())
        for field in ("labels", "annotations")
    )


def page(kept: Iterable[bytes]) -> str:
    """Return the notifications as a page, the newest first."""
    rows = [_row(json.loads(line)) for line in kept]
    return PAGE.format(rows="\n".join(reversed(rows)) or '<tr><td colspan="6">None yet.')


def _row(kept: dict) -> str:
    def values(kind: str, name: str) -> str:
        return ", ".join(dict.fromkeys(alert[kind].get(name, "") for alert in kept["alerts"]))

    cells = (
        kept["received"][:19].replace("T", " "),
        kept["receiver"],
        kept["status"],
        values("labels", "alertname"),
        values("labels", "severity"),
        values("annotations", "summary"),
    )
    return f'<tr class="{kept["status"]}"><td>{"<td>".join(map(html.escape, cells))}'


class Handler(BaseHTTPRequestHandler):
    """Takes notifications and shows them."""

    server: "Server"
    server_version = "receiver"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        """Show what is kept."""
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer(200, page(self.server.notifications.all()), "text/html")
        elif path == "/notifications":
            self._answer(200, f"[{b','.join(self.server.notifications.all()).decode()}]", "application/json")
        elif path == "/-/ready":
            self._answer(200, "ready\n")
        else:
            self._answer(404, "There is nothing here: see /.\n")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Take a notification; 200 says that it is on the disk."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/":
            self._answer(404, "Notifications are taken at /.\n")
        elif not length.isdecimal():
            self._answer(411, "The length of the body must be given.\n")
        elif int(length) > MOST_BYTES:
            self._discard(int(length))
            self._answer(413, f"A notification may have {MOST_BYTES} bytes at most.\n")
        else:
            self._take(int(length))

    def log_message(self, *_: object) -> None:
        """Say nothing about requests: what came is kept."""

    def _take(self, length: int) -> None:
        body = self.rfile.read(length)
        try:
            if len(body) < length:
                raise Invalid("the body ended too soon")
            self.server.notifications.add(notification(body))
        except Invalid as error:
            self._answer(400, f"Not taken: {error}.\n")
        except OSError as error:
            # Alertmanager tries again what is answered so.
            say(f"a notification cannot be kept: {error.strerror or error}.")
            self._answer(503, "The notification cannot be kept: see the receiver's log.\n")
        else:
            self._answer(200, "Kept.\n")

    def _discard(self, length: int) -> None:
        """Read what is not taken, within bounds: who is still sending would not see the answer."""
        left = min(length, 8 * MOST_BYTES)
        while left > 0 and (read := self.rfile.read1(min(left, 65536))):
            left -= len(read)

    def _answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        # A lone half of a surrogate pair is valid in JSON and nowhere else.
        body = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        # What is shown was sent by others: nothing in it runs.
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingMixIn, TCPServer):
    """A thread for each request, so that a slow reader does not hold up Alertmanager."""

    daemon_threads = True
    allow_reuse_address = True
    # With the default of 5, ten clients at once make the next one wait for a second.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], notifications: Notifications) -> None:
        self.notifications = notifications
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: tuple) -> None:
        """Report a client that went away in one line, and anything else in full."""
        if isinstance(error := sys.exception(), OSError):
            say(f"the client at {client_address[0]} went away: {error}.")
        else:
            super().handle_error(request, client_address)


def listen_address(text: str) -> tuple[str, int]:
    """Read ``host:port``; with no host all addresses are meant."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 127.0.0.1:8095")
    return host, int(port)


def say(sentence: str) -> None:
    """Write one line to stderr."""
    print(f"receiver: {sentence}", file=sys.stderr, flush=True)


def main() -> None:
    """Serve until SIGTERM or SIGINT; a file or an address that cannot be had ends it with one sentence."""
    flags = argparse.ArgumentParser(description="Keeps the notifications of Alertmanager.", allow_abbrev=False)
    flags.add_argument("--file", type=Path, required=True)
    flags.add_argument("--listen-address", dest="address", type=listen_address, default="127.0.0.1:8095")
    options = flags.parse_args()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        notifications = Notifications(options.file)
    except OSError as error:
        sys.exit(f"receiver: {options.file} cannot be read and written: {error.strerror}.")
    try:
        server = Server(options.address, notifications)
    except OSError as error:
        sys.exit(f"receiver: {':'.join(map(str, options.address))} cannot be listened on: {error.strerror}.")
    with server:
        say(f"keeping notifications in {options.file}, listening on port {server.server_address[1]}.")
        server.serve_forever()


if __name__ == "__main__":
    main()
