"""The notifications that the receiver keeps in memory, and in a file with one JSON object per line."""

import json
import os
import sys
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

#: The maximum number of notifications to keep, and their maximum total size in bytes.
KEPT_NOTIFICATIONS = 1000
KEPT_BYTES = 8 * 1024 * 1024


class Invalid(ValueError):
    """The request body is not a notification. The message says why."""


class Notifications:
    """The notifications that the receiver has kept.

    They survive a restart, because they are also in the file. The file may grow to twice the limits before it is
    rewritten.
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
                # The machine went down while this line was being written. Alertmanager got no response, so it sends
                # that notification again.
                continue
            self._keep(receiver, line)
        self._rewrite()

    def add(self, sent: dict) -> None:
        """Keep a notification and its time of arrival. Raises OSError if it cannot be written to disk."""
        arrived = {**sent, "received": datetime.now(UTC).isoformat(timespec="milliseconds")}
        line = json.dumps(arrived).encode()
        with self._lock:
            self._append(line + b"\n")
            self._keep(sent["receiver"], line)
            if self._written > 2 * KEPT_BYTES or self._lines > 2 * KEPT_NOTIFICATIONS:
                self._shorten()

    def all(self) -> list[bytes]:
        """Return all notifications as JSON, oldest first."""
        with self._lock:
            return [line for _, line in self._kept]

    def _keep(self, receiver: str, line: bytes) -> None:
        """Keep one more notification. Above a limit, drop the oldest one for the receiver that has the most.

        This way, a heartbeat that arrives every minute displaces older heartbeats, but never a page.
        """
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
                # Leave no half-written line. The notification is refused, and Alertmanager sends it again.
                file.truncate(before)
                raise
        self._written += len(line)
        self._lines += 1

    def _shorten(self) -> None:
        try:
            self._rewrite()
        except OSError as error:
            # The notification itself has been kept. The next one will trigger another attempt to rewrite the file.
            say(f"cannot rewrite {self._path}: {error.strerror}.")

    def _rewrite(self) -> None:
        """Write all kept notifications to the file. If that fails, the file stays as it is."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        with fresh.open("wb") as file:
            file.writelines(line + b"\n" for _, line in self._kept)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._written = self._path.stat().st_size
        self._lines = len(self._kept)


def notification(body: bytes) -> dict:
    """Parse a notification. Raises Invalid if the body is anything else."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("the body is not JSON") from error
    if not isinstance(sent, dict) or sent.get("version") != "4":
        raise Invalid("the body is not an Alertmanager notification in version 4")
    if not isinstance(sent.get("receiver"), str) or sent.get("status") not in ("firing", "resolved"):
        raise Invalid("a notification needs a receiver and a status, either firing or resolved")
    alerts = sent.get("alerts")
    if not isinstance(alerts, list) or not all(_is_alert(alert) for alert in alerts):
        raise Invalid("a notification needs alerts, each with labels and annotations")
    return sent


def _is_alert(alert: object) -> bool:
    return isinstance(alert, dict) and all(
        isinstance(alert.get(field), dict) and all(isinstance(value, str) for value in alert[field].values())
        for field in ("labels", "annotations")
    )


def say(sentence: str) -> None:
    """Write one line to stderr."""
    print(f"receiver: {sentence}", file=sys.stderr, flush=True)
