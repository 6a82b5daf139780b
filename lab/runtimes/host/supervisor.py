"""Talk to the lab's supervisord over its socket in ``.lab/run``."""

import http.client
import os
import re
import socket
import subprocess
import time
import xmlrpc.client
from collections.abc import Mapping

from lab.console import last_line
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, VENV

CONFIGURATION = ROOT / "host" / "supervisord.conf"
RUN = STATE / "run"
#: What a line of a log has that reports an error, as the lab's services write it.
ERROR = r"level=error|\berr(or)?=|\berror\b|\[(emerg|alert|crit|error)\]|^[EF]\d{4} |\w+Error\b|exception|no space left"
#: Answers of supervisord that mean that the wish is already fulfilled.
ALREADY_STARTED, NOT_RUNNING = 60, 70


class _SocketConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        directory = os.open(RUN, os.O_RDONLY)
        try:
            # The socket's own path may be longer than the 107 characters that an address can hold.
            self.sock.connect(f"/proc/self/fd/{directory}/supervisor.sock")
        finally:
            os.close(directory)


class _SocketTransport(xmlrpc.client.Transport):
    def make_connection(self, host: str) -> _SocketConnection:
        return _SocketConnection("localhost")


class Supervisor:
    """The supervisord of this checkout, running or not."""

    def __init__(self) -> None:
        #: How long the log of each service was before it was started.
        self._logged: dict[str, int] = {}
        self._rpc = xmlrpc.client.ServerProxy("http://localhost", transport=_SocketTransport()).supervisor

    def is_running(self) -> bool:
        """Say whether it answers."""
        try:
            return self._rpc.getState()["statename"] == "RUNNING"
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            # It is not there, or it is about to end.
            return False

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background; it gives ``environment`` to every part. No part is started yet.

        Raises LabError when it does not answer within 10 s.
        """
        RUN.mkdir(parents=True, exist_ok=True)
        (RUN / "supervisor.sock").unlink(missing_ok=True)
        done = subprocess.run(
            [VENV / "bin" / "python", "-m", "supervisor.supervisord", "-c", CONFIGURATION],
            cwd=STATE,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        deadline = time.monotonic() + 10
        while not self.is_running():
            if done.returncode != 0 or time.monotonic() > deadline:
                reason = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
                raise LabError(f"supervisord does not start: {reason[-1]} (see {LOGS / 'supervisord.log'})")
            time.sleep(0.05)

    def pid(self) -> int:
        """Return its process id."""
        return self._rpc.getPID()

    def states(self) -> dict[str, dict]:
        """Return what supervisord knows of each part by name: ``statename``, ``pid``, ``start`` (unix time) …"""
        return {process["name"]: process for process in self._rpc.getAllProcessInfo()}

    def start(self, name: str) -> None:
        """Start a part without waiting for it; one that runs is left alone."""
        path = LOGS / f"{name}.log"
        self._logged[name] = path.stat().st_size if path.exists() else 0
        self._tolerating(ALREADY_STARTED, self._rpc.startProcess, name)

    def stop(self, name: str) -> None:
        """Stop a part and wait until it has ended."""
        self._tolerating(NOT_RUNNING, self._rpc.stopProcess, name)

    def signal(self, name: str, signal: str) -> None:
        """Send a part a signal by its name, such as ``HUP``; raises LabError when it does not run."""
        try:
            self._rpc.signalProcess(name, signal)
        except xmlrpc.client.Fault as fault:
            raise LabError(f"supervisord cannot signal {name}: {fault.faultString}") from fault

    def shutdown(self) -> None:
        """End supervisord, and with it each part that still runs."""
        self._rpc.shutdown()

    def last_words(self, name: str) -> str:
        """Return the last line that a part printed, and where the rest is."""
        path = LOGS / f"{name}.log"
        log = path.read_text(errors="replace") if path.exists() else ""
        return f"{last_line(log, 'nothing')} (all of it: {path})"

    def last_error(self, name: str) -> str:
        """Return the last error in a service's log since this process started it; nothing when there is none."""
        path = LOGS / f"{name}.log"
        said = path.read_bytes() if path.exists() else b""
        # A log that is shorter now was rotated meanwhile.
        since = self._logged.get(name, 0)
        lines = said[since if since <= len(said) else 0 :].decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if re.search(ERROR, line, re.IGNORECASE)), "")

    @staticmethod
    def _tolerating(code: int, call, name: str) -> None:
        try:
            call(name, *([False] if code == ALREADY_STARTED else []))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != code:
                raise LabError(f"supervisord cannot start or stop {name}: {fault.faultString}") from fault
