"""Control the lab's supervisord over its socket in ``.lab/run``."""

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
#: Matches log lines that report an error, in the formats of the lab's services.
ERROR = r"level=error|\berr(or)?=|\berror\b|\[(emerg|alert|crit|error)\]|^[EF]\d{4} |\w+Error\b|exception|no space left"
#: supervisord's fault codes for a process that is already in the desired state.
ALREADY_STARTED, NOT_RUNNING = 60, 70


class _SocketConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        directory = os.open(RUN, os.O_RDONLY)
        try:
            # The socket's full path may exceed the limit of 107 characters.
            self.sock.connect(f"/proc/self/fd/{directory}/supervisor.sock")
        finally:
            os.close(directory)


class _SocketTransport(xmlrpc.client.Transport):
    def make_connection(self, host: str) -> _SocketConnection:
        return _SocketConnection("localhost")


class Supervisor:
    """This checkout's supervisord, running or not."""

    def __init__(self) -> None:
        #: The size of each service's log when this process started the service.
        self._logged: dict[str, int] = {}
        self._rpc = xmlrpc.client.ServerProxy("http://localhost", transport=_SocketTransport()).supervisor

    def is_running(self) -> bool:
        """Return whether supervisord responds."""
        try:
            return self._rpc.getState()["statename"] == "RUNNING"
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            # It is not running, or is about to exit.
            return False

    def launch(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in the background, without starting any service. Every service inherits ``environment``.

        Raises LabError if supervisord does not respond within 10 s.
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
                reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise LabError(f"supervisord failed to start: {reason[-1]} (see {LOGS / 'supervisord.log'})")
            time.sleep(0.05)

    def pid(self) -> int:
        """Return supervisord's process ID."""
        return self._rpc.getPID()

    def states(self) -> dict[str, dict]:
        """Return supervisord's data about each service by name: ``statename``, ``pid``, ``start`` (Unix time) …"""
        return {process["name"]: process for process in self._rpc.getAllProcessInfo()}

    def start(self, name: str) -> None:
        """Start a service without waiting for it. If the service is already running, do nothing."""
        path = LOGS / f"{name}.log"
        self._logged[name] = path.stat().st_size if path.exists() else 0
        self._tolerating(ALREADY_STARTED, self._rpc.startProcess, name)

    def stop(self, name: str) -> None:
        """Stop a service and wait until it has exited."""
        self._tolerating(NOT_RUNNING, self._rpc.stopProcess, name)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal such as ``HUP`` to a service. Raise LabError if the service is not running."""
        try:
            self._rpc.signalProcess(name, signal)
        except xmlrpc.client.Fault as fault:
            raise LabError(f"supervisord cannot signal {name}: {fault.faultString}") from fault

    def shutdown(self) -> None:
        """Shut down supervisord and every service that is still running."""
        self._rpc.shutdown()

    def last_log_line(self, name: str) -> str:
        """Return the last line of a service's log, and the path to the log."""
        path = LOGS / f"{name}.log"
        log = path.read_text(errors="replace") if path.exists() else ""
        return f"{last_line(log, 'none')} (full log: {path})"

    def last_error(self, name: str) -> str:
        """Return the last error in a service's log since this process started the service, or an empty string."""
        path = LOGS / f"{name}.log"
        said = path.read_bytes() if path.exists() else b""
        # If the log is shorter than before, it was rotated.
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
