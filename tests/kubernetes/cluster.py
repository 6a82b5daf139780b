"""A real one-node Kubernetes cluster on this machine: ``python -m tests.kubernetes.cluster up``, ``load``, ``down``."""

import base64
import fcntl
import hashlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click
import psutil

from lab import console, signals
from lab.bootstrap import FLAGS
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, write_file
from lab.runtimes import certificates
from lab.runtimes.environment import for_services, for_tools
from tests.kubernetes import build, cgroups
from tests.kubernetes.services import ADDRESS, API_PORT, API_SERVICE, FOLDER, LOAD, USERS

CONTEXT = "pomar-tests"
COMMAND = "`python -m tests.kubernetes.cluster"
#: The namespaces for everything that Kubernetes changes. If `unshare` is killed, so are all processes in them.
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--mount-proc", "--fork", "--kill-child")
#: The names of the API server, in addition to localhost.
API_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", API_SERVICE, ADDRESS]
STOP_SECONDS = 20


class Cluster:
    """The cluster of this checkout, running or not. Its context in the file ``kubeconfig`` is ``CONTEXT``.

    Every file, process, mount, interface and control group of a cluster is its own, so several can run at the same
    time. As a context manager, it also stops when this process is killed.
    """

    def __init__(self, state: Path = STATE / "cluster", logs: Path = LOGS / "cluster") -> None:
        self._state, self._logs = state, logs
        self._pid_file, self._failure = state / "pid.json", state / "failure"
        self.kubeconfig = state / "kubeconfig"
        #: The name of its control group.
        self.cgroup = f"pomar-{hashlib.sha256(os.fsencode(state)).hexdigest()[:12]}"

    def __enter__(self) -> "Cluster":
        self.up(keep=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self, *, keep: bool = True) -> None:
        """Start the cluster, and return when its node is ready. Without ``keep``, it stops when this process exits.

        The first time, this also builds Kubernetes. Raises LabError if the cluster is running already, if something is
        missing on this machine, or if a process fails; nothing is left behind then except the logs.
        """
        with self._lock():
            if self.is_running():
                raise LabError(f"the test cluster is already running: use it, or stop it with {COMMAND} down`.")
            build.check()
            programs = build.build()
            self._stop()
            shutil.rmtree(self._logs, ignore_errors=True)
            try:
                with socket.create_server(("127.0.0.1", 0)) as listener:
                    self._write_files(listener.getsockname()[1])
                    self._launch(programs, listener, keep)
            except BaseException:
                self._stop()
                raise

    def down(self) -> None:
        """Stop the cluster and delete everything except its logs."""
        with self._lock():
            self._stop()

    def is_running(self) -> bool:
        """Return whether the cluster is running, or being started."""
        return self._process() is not None

    def require_running(self) -> None:
        """Raise LabError if the cluster is not running, with the reason if it has stopped by itself."""
        if not self.is_running():
            raise LabError(f"the test cluster is not running: {self._reason()} Start it with {COMMAND} up`.")

    def load(self, *images: str) -> None:
        """Copy images from the Docker engine to the node. Raise LabError if one does not exist."""
        self.require_running()
        node = self._process()
        # containerd's socket is in the mount namespace.
        load = ["nsenter", f"--target={node.pid}", "--mount", *LOAD]
        with subprocess.Popen(
            ["docker", "save", *images], env=for_tools(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as save:
            loaded = subprocess.run(load, env=for_tools(), stdin=save.stdout, capture_output=True)
            save.stdout.close()
            saved = save.stderr.read()
        for done, said in ((save, saved), (loaded, loaded.stderr)):
            if done.returncode:
                reason = console.last_line(said.decode(errors="replace"))
                raise LabError(f"{', '.join(images)} could not be loaded into the test cluster: {reason}")

    def environment(self) -> dict[str, str]:
        """Return the variables with which the lab's Kubernetes runtime uses this cluster."""
        loader = [sys.executable, *FLAGS, "-m", __spec__.name, "load"]
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "KUBE_CONTEXT": CONTEXT,
            "KUBE_VALUES": str(FOLDER / "values.yaml"),
            "IMAGE_LOADER": shlex.join(loader),
        }

    def _write_files(self, port: int) -> None:
        """Create the certificates, tokens and kubeconfigs. ``port`` is the API server's port on this machine."""
        files = self._state / "lib" / "kubernetes"
        certificates.ensure(files, API_NAMES)
        networks = self._state / "lib" / "cni" / "net.d"
        networks.mkdir(parents=True)
        shutil.copy(FOLDER / "cni.conflist", networks)
        self._logs.mkdir(parents=True)
        ca, tokens = (files / "ca.crt").read_bytes(), []
        for user, (name, group) in USERS.items():
            token = secrets.token_hex(16)
            tokens.append(f'{token},{name},{name},"{group}"\n')
            write_file(files / f"{user}.conf", _kubeconfig(API_PORT, ca, token), 0o600)
            if user == "admin":
                write_file(files / "admin.token", token, 0o600)
                write_file(self.kubeconfig, _kubeconfig(port, ca, token), 0o600)
        write_file(files / "tokens.csv", "".join(tokens), 0o600)

    def _launch(self, programs: Path, listener: socket.socket, keep: bool) -> None:
        """Start the node and show its progress until it is ready."""
        node = [sys.executable, *FLAGS, "-m", "tests.kubernetes.node"]
        with ExitStack() as stack:
            log = stack.enter_context((self._logs / "node.log").open("wb"))
            with_this = None if keep else stack.enter_context(signals.starting_child(signal.SIGKILL))
            process = subprocess.Popen(
                [*UNSHARE, *node, self._state, self._logs, programs, self.cgroup, str(listener.fileno())],
                cwd=ROOT,
                env=for_services(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=[listener.fileno()],
                start_new_session=True,
                preexec_fn=with_this,
            )
        started = psutil.Process(process.pid).create_time()
        write_file(self._pid_file, json.dumps({"pid": process.pid, "started": started}))
        with process.stdout:
            for line in process.stdout:
                if line == "ready\n":
                    return
                print(line, end="", flush=True)
        raise LabError(f"the test cluster could not be started: {self._reason()}")

    def _reason(self) -> str:
        """Return why the cluster has stopped."""
        if self._failure.exists():
            return self._failure.read_text()
        log = self._logs / "node.log"
        if not self._state.exists() or not log.exists():
            return "it has not been started."
        return f"{console.last_line(log.read_text(errors='replace'), 'it was killed')} (full log: {log})."

    def _process(self) -> psutil.Process | None:
        """Return the `unshare` process, whose child is the first process of the node, if it is running."""
        try:
            known = json.loads(self._pid_file.read_text())
            process = psutil.Process(known["pid"])
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return process if process.create_time() == known["started"] and _is_alive(process) else None

    def _stop(self) -> None:
        if process := self._process():
            # When the first process in the PID namespace is killed, the kernel kills all others. Then `unshare` exits.
            for each in process.children() or [process]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            deadline = time.monotonic() + STOP_SECONDS
            while _is_alive(process):
                if time.monotonic() > deadline:
                    raise LabError(f"process {process.pid} of the test cluster cannot be stopped: kill it yourself.")
                time.sleep(0.05)
        cgroups.remove(self.cgroup)
        if self._state.exists():
            shutil.rmtree(self._state)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.with_suffix(".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LabError("another command is starting or stopping the test cluster: wait for it.") from error
            yield


def _is_alive(process: psutil.Process) -> bool:
    """Return whether a process exists and is not a zombie, which only its parent can remove."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kubeconfig(port: int, ca: bytes, token: str) -> str:
    """Return a kubeconfig for the API server on this port of 127.0.0.1. JSON is valid YAML."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": base64.b64encode(ca).decode()}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "current-context": CONTEXT,
        },
        indent=2,
    )


@click.group()
def main() -> None:
    """A real one-node Kubernetes cluster for the tests, built from Debian packages."""


@main.command()
def up() -> None:
    """Start the cluster, and print the variables that select it. The first time, this builds Kubernetes."""
    cluster = Cluster()
    with signals.handled_once():
        cluster.up()
    variables = cluster.environment().items()
    click.echo(f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in variables)}")


@main.command()
@click.argument("images", nargs=-1, required=True)
def load(images: tuple[str, ...]) -> None:
    """Copy IMAGES from the Docker engine to the cluster."""
    Cluster().load(*images)


@main.command()
def down() -> None:
    """Stop the cluster and delete everything except its logs."""
    with signals.handled_once():
        Cluster().down()


if __name__ == "__main__":
    main()
