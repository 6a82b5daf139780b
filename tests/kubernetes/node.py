"""The processes of the test cluster, started by the first process in namespaces of their own.

``tests/kubernetes/cluster.py`` runs this module with ``unshare``. As soon as it exits, the kernel kills all processes
in its PID namespace, and removes the mounts and the network interfaces.
"""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import requests

from lab import console, http
from lab.errors import LabError, sentence
from lab.paths import write_file
from lab.runtimes.environment import for_services
from tests.kubernetes import cgroups, dns, images
from tests.kubernetes.services import ADDRESS, API_PORT, CONTAINERD, ETCD, FILES, HOSTS, LOAD, NODE, commands

API = f"https://127.0.0.1:{API_PORT}"
LOGS = Path("/var/log")
PAUSE_IMAGE = "localhost/pomar/tests/pause:1"
#: Seconds between updates of the Services' names, and checks whether every process is still running.
TICK_SECONDS = 0.5
#: How long a process may take until it works, even on a busy machine.
READY_SECONDS = 90
COMMAND_SECONDS = 60
#: The values in /proc/sys that the kubelet requires. The machine keeps its own values.
SYSCTLS = {
    "kernel/keys/root_maxbytes": 25_000_000,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
}
#: How many persistent volumes of which size the node has. A volume cannot be used again after its claim is deleted.
VOLUMES = 32
VOLUME_SIZE = "10Gi"
#: The kubelet's and the API server's errors. A stack trace may follow.
ERROR = re.compile(r"[EF]\d{4} ")


class Node:
    """A one-node cluster. ``state`` and ``logs`` are its folders on the machine, ``programs`` is the build's result."""

    def __init__(self, state: Path, logs: Path, programs: Path, cgroup: str) -> None:
        self._state, self._logs, self._programs, self._cgroup = state, logs, programs, cgroup
        self._commands = commands(programs, cgroup)
        #: By name.
        self._processes: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Start all processes. Return when the node is ready, Services have names, and volumes exist.

        Raises LabError if a process exits or does not work within 90 s.
        """
        self._mount()
        self._connect()
        with console.step("etcd"):
            self._start("etcd", "containerd")
            self._await("etcd", lambda: _problem(f"{ETCD}/health"))
        with console.step("API server"):
            self._start("kube-apiserver")
            self._await("kube-apiserver", lambda: self._api_problem("/readyz"))
        with console.step("control plane"):
            self._start("kube-controller-manager", "kube-scheduler", "kube-proxy", "dnsmasq")
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._await("kube-controller-manager", lambda: self._api_problem(account))
            self._await("kube-scheduler", lambda: _problem("http://127.0.0.1:10251/healthz"))
            self._await("kube-proxy", lambda: _problem("http://127.0.0.1:10256/healthz"))
            self._await("dnsmasq", self._dns_problem)
        with console.step("node"):
            self._await("containerd", lambda: "" if CONTAINERD.exists() else f"{CONTAINERD} does not exist")
            pause = images.layer({"pause": self._programs / "pause"})
            _run(*LOAD, input=images.archive(PAUSE_IMAGE, pause, ["/pause"]))
            self._start("kubelet")
            self._await("kubelet", self._node_problem)
            self._create_volumes()

    def watch(self) -> None:
        """Update the names of Services until a process exits. Then raise LabError."""
        while True:
            self._reap()
            # A failed request is repeated.
            with suppress(OSError):
                self._update_names()
            time.sleep(TICK_SECONDS)

    def _mount(self) -> None:
        """Give the cluster its own /run, /var/lib, /var/log and kernel settings, and a control group."""
        _run("mount", "--types=tmpfs", "--options=mode=755", "tmpfs", "/run")
        _run("mount", "--bind", self._state / "lib", "/var/lib")
        _run("mount", "--bind", self._logs, "/var/log")
        HOSTS.touch()
        for name, value in SYSCTLS.items():
            file = Path("/run/sysctl") / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
            _run("mount", "--bind", file, Path("/proc/sys") / name)
        # crun refuses to run if version 2 is mounted in addition to version 1.
        if (unified := cgroups.ROOT / "unified").is_mount():
            _run("umount", unified)
        cgroups.create(self._cgroup)

    @staticmethod
    def _connect() -> None:
        """Give the node an address, on a bridge because not every kernel has dummy interfaces."""
        for command in (
            "link set lo up",
            f"link add {NODE} type bridge",
            f"address add {ADDRESS}/24 dev {NODE}",
            f"link set {NODE} up",
            f"route add default dev {NODE}",
        ):
            _run("ip", *command.split())

    def _start(self, *names: str) -> None:
        for name in names:
            with (LOGS / f"{name}.log").open("wb") as log:
                self._processes[name] = subprocess.Popen(
                    self._commands[name], env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    def _await(self, name: str, problem: Callable[[], str]) -> None:
        """Wait until ``problem`` returns an empty string. An OSError, such as a refused connection, is a problem."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._reap()
            try:
                found = problem()
            except OSError as error:
                found = str(error)
            if not found:
                return
            if time.monotonic() > deadline:
                raise LabError(f"{name} does not work after {READY_SECONDS} s: {found}. {self._last_line(name)}")
            time.sleep(0.1)

    def _reap(self) -> None:
        """Collect exited processes, as a first process must. Raise LabError if one is not a container's."""
        names = {process.pid: name for name, process in self._processes.items()}
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = found
            if name := names.get(pid):
                code = os.waitstatus_to_exitcode(status)
                how = f"exited with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
                raise LabError(f"{name} {how}. {self._last_line(name)}")

    def _last_line(self, name: str) -> str:
        log = (LOGS / f"{name}.log").read_text(errors="replace")
        errors = [line for line in log.splitlines() if ERROR.match(line)]
        last = errors[-1] if errors else console.last_line(log, "none")
        return f"Last log line: {last} (full log: {self._logs / name}.log)"

    def _api(self, path: str, body: dict | None = None) -> requests.Response:
        """Send a GET request to the API server, or a POST request with this body."""
        token = (FILES / "admin.token").read_text()
        response = http.session.request(
            "POST" if body else "GET",
            f"{API}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            verify=str(FILES / "ca.crt"),
            timeout=5,
        )
        response.raise_for_status()
        return response

    def _update_names(self) -> None:
        """Give dnsmasq the names of all Services, if they have changed."""
        services, endpoints = (self._api(f"/api/v1/{kind}").json()["items"] for kind in ("services", "endpoints"))
        names = dns.hosts(services, endpoints)
        if names != HOSTS.read_text():
            write_file(HOSTS, names)
            # Not send_signal, which would reap the process.
            os.kill(self._processes["dnsmasq"].pid, signal.SIGHUP)

    def _dns_problem(self) -> str:
        self._update_names()
        name = f"kubernetes.default.{dns.DOMAIN}"
        return "" if dns.resolves(name, ADDRESS) else f"{name} does not resolve"

    def _api_problem(self, path: str) -> str:
        self._api(path)
        return ""

    def _node_problem(self) -> str:
        nodes = self._api("/api/v1/nodes").json()["items"]
        conditions = [each for node in nodes for each in node["status"]["conditions"] if each["type"] == "Ready"]
        if not conditions:
            return "the node has not registered"
        return "" if conditions[0]["status"] == "True" else conditions[0]["message"]

    def _create_volumes(self) -> None:
        """Create persistent volumes that pods with an fsGroup can write to. The cluster has no storage class."""
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
        for number in range(VOLUMES):
            path = Path("/var/lib/volumes", str(number))
            path.mkdir(parents=True)
            self._api(
                "/api/v1/persistentvolumes",
                {
                    "metadata": {"name": f"volume-{number}"},
                    "spec": {
                        "capacity": {"storage": VOLUME_SIZE},
                        "accessModes": ["ReadWriteOnce"],
                        "local": {"path": str(path)},
                        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                    },
                },
            )


def _problem(url: str) -> str:
    response = http.get(url, timeout=5)
    return "" if response.ok else f"{url} returned {response.status_code}"


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {**for_services(), "PATH": os.pathsep.join((path, "/usr/sbin", "/sbin"))}


def _run(*command: str | Path, **options) -> None:
    try:
        done = subprocess.run(command, env=_environment(), capture_output=True, timeout=COMMAND_SECONDS, **options)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(map(str, command))}` is still running after {COMMAND_SECONDS} s.") from error
    if done.returncode:
        said = console.last_line(done.stderr.decode(errors="replace"))
        raise LabError(f"`{' '.join(map(str, command))}` failed: {said}")


async def relay(listener: socket.socket) -> None:
    """Forward connections from a listening socket outside the network namespace to the API server."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            while received := await reader.read(65536):
                writer.write(received)
                await writer.drain()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError), closing(writer):
            api_reader, api_writer = await asyncio.open_connection("127.0.0.1", API_PORT)
            await asyncio.gather(copy(reader, api_writer), copy(api_reader, writer))

    async with await asyncio.start_server(connect, sock=listener) as server:
        await server.serve_forever()


def main() -> None:
    """Start a cluster, print ``ready``, and run it until one of its processes exits; then write why to ``failure``."""
    state, logs, programs, cgroup, listener = sys.argv[1:]
    os.umask(0o022)
    node = Node(Path(state), Path(logs), Path(programs), cgroup)
    try:
        node.start()
        threading.Thread(target=asyncio.run, args=(relay(socket.socket(fileno=int(listener))),), daemon=True).start()
        print("ready", flush=True)
        # Nobody reads more than this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        node.watch()
    except (LabError, OSError) as error:
        write_file(Path(state, "failure"), error.message if isinstance(error, LabError) else sentence(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
