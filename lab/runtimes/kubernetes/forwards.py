"""Forward ports of this machine to the cluster's Services until stopped.

kubectl's own forward ends when its pod does, so each one is started again. The arguments are the context, the
namespace, and SERVICE:LOCAL:REMOTE for each port.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from lab import signals
from lab.bootstrap import FLAGS
from lab.paths import LOGS, ROOT, write_file
from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes.kubectl import Kubectl

LOG = LOGS / "forwards.log"
#: The pause before a forward is started again.
PAUSE_SECONDS = 0.5
STOP_SECONDS = 10


class Forwards:
    """The process that keeps the forwards of this checkout's lab running. ``state`` is the file with its ID."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def start(self, kubectl: Kubectl, ports: Iterable[tuple[str, str, str]]) -> None:
        """Forward each port: a Service, the port on 127.0.0.1, and the Service's port. Replaces earlier forwards."""
        self.stop()
        arguments = [kubectl.context, kubectl.namespace, *map(":".join, ports)]
        with LOG.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *FLAGS, "-m", __name__, *arguments],
                cwd=ROOT,
                env=for_tools(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = psutil.Process(process.pid).create_time()
        write_file(self._state, json.dumps({"pid": process.pid, "started": started}))

    def stop(self) -> None:
        """Stop all forwards. Does nothing if there are none."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            known = json.loads(self._state.read_text())
            process = psutil.Process(known["pid"])
            if process.create_time() == known["started"]:
                process.terminate()
                process.wait(STOP_SECONDS)
        self._state.unlink(missing_ok=True)

    def are_running(self) -> bool:
        """Return whether the process is running."""
        try:
            known = json.loads(self._state.read_text())
            return psutil.Process(known["pid"]).create_time() == known["started"]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return False


def _keep(command: list[str]) -> None:
    while True:
        with signals.starting_child(signal.SIGKILL) as with_this:
            forward = subprocess.Popen(command, env=for_tools(), stdin=subprocess.DEVNULL, preexec_fn=with_this)
        forward.wait()
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Run all forwards until SIGTERM."""
    context, namespace, *wanted = sys.argv[1:]
    kubectl = Kubectl(context, namespace)
    for each in wanted:
        service, local, remote = each.split(":")
        command = kubectl.command("port-forward", "--address=127.0.0.1", f"service/{service}", f"{local}:{remote}")
        threading.Thread(target=_keep, args=(command,), daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    # Each kubectl is killed with the thread that started it.


if __name__ == "__main__":
    # Before any thread starts, so that none of them takes the signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
