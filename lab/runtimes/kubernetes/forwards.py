"""Forward local ports to pods until this process is stopped. If a pod is deleted or not ready, forward to another.

kubectl's own forward to a Service keeps the pod that it has chosen, even when that pod is being stopped. The arguments
are the context, the namespace, the selector of all pods, and COMPONENT:LOCAL:REMOTE for each port.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import psutil

from lab import signals
from lab.paths import LOGS, ROOT, write_file
from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes.kubectl import Kubectl

LOG = LOGS / "forwards.log"
#: How often the forwards are checked, and the pause before a new watch.
PAUSE_SECONDS = 0.5
STOP_SECONDS = 10


class Forwards:
    """The process that keeps the forwards of this checkout's lab running. ``state`` is the file with its ID."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def start(self, kubectl: Kubectl, selector: str, ports: Iterable[tuple[str, str, str]]) -> None:
        """Forward each port: a component, the port on 127.0.0.1, and the pod's port. Replaces earlier forwards."""
        self.stop()
        arguments = [kubectl.context, kubectl.namespace, selector, *map(":".join, ports)]
        with LOG.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, *arguments],
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
        if process := self._process():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                process.wait(STOP_SECONDS)
        self._state.unlink(missing_ok=True)

    def are_running(self) -> bool:
        """Return whether the process is running."""
        return self._process() is not None

    def _process(self) -> psutil.Process | None:
        try:
            known = json.loads(self._state.read_text())
            process = psutil.Process(known["pid"])
            return process if process.create_time() == known["started"] else None
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None


class Forward:
    """Forwards the port ``local`` on 127.0.0.1 to the port ``remote`` of a pod of ``component``."""

    def __init__(self, kubectl: Kubectl, component: str, local: str, remote: str) -> None:
        self._kubectl, self._component, self._ports = kubectl, component, f"{local}:{remote}"
        self._pod, self._process = "", None

    def follow(self, pods: Mapping[str, str]) -> None:
        """Forward to a pod in ``pods``, which has the component of each ready pod. Do nothing if the pod still is."""
        if pods.get(self._pod) == self._component and self._process.poll() is None:
            return
        if self._process:
            self._process.kill()
            self._process.wait()
        self._pod = next((name for name, component in sorted(pods.items()) if component == self._component), "")
        if self._pod:
            command = self._kubectl.command("port-forward", "--address=127.0.0.1", f"pod/{self._pod}", self._ports)
            self._process = _start(command)


def _start(command: Sequence[str], **options) -> subprocess.Popen:
    """Start a command that is killed when this process exits."""
    with signals.starting_child(signal.SIGKILL) as with_this:
        return subprocess.Popen(command, env=for_tools(), stdin=subprocess.DEVNULL, preexec_fn=with_this, **options)


def _watch(kubectl: Kubectl, selector: str, events: Queue[dict | None]) -> None:
    """Put every change of a pod into the queue. None means that a new watch has begun, which lists all."""
    options = [f"--selector={selector}", "--watch", "--output-watch-events", "--output=json"]
    while True:
        events.put(None)
        with _start(kubectl.command("get", "pods", *options), stdout=subprocess.PIPE, text=True) as watch:
            for line in watch.stdout:
                events.put(json.loads(line))
        time.sleep(PAUSE_SECONDS)


def _is_ready(pod: Mapping) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def main() -> None:
    """Run all forwards until this process is stopped."""
    context, namespace, selector, *wanted = sys.argv[1:]
    kubectl = Kubectl(context, namespace)
    forwards = [Forward(kubectl, *each.split(":")) for each in wanted]
    events: Queue[dict | None] = Queue()
    threading.Thread(target=_watch, args=(kubectl, selector, events), daemon=True).start()
    pods: dict[str, str] = {}
    while True:
        with suppress(Empty):
            event = events.get(timeout=PAUSE_SECONDS)
            if event is None:
                pods.clear()
                continue
            pod = event["object"]
            name = pod["metadata"]["name"]
            pods.pop(name, None)
            if event["type"] != "DELETED" and _is_ready(pod):
                pods[name] = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for forward in forwards:
            forward.follow(pods)


if __name__ == "__main__":
    main()
