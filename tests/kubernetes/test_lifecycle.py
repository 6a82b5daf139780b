"""A cluster starts, stops and fails with one sentence, and leaves nothing behind on the machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.bootstrap import FLAGS
from lab.errors import LabError
from lab.paths import ROOT
from tests.eventually import eventually
from tests.kubernetes import build, cgroups
from tests.kubernetes.cluster import Cluster

#: What Kubernetes, containerd and CNI create or change by default.
FOLDERS = (
    *("/etc/cni", "/etc/kubernetes", "/opt/cni", "/opt/containerd", "/run/kubernetes", "/run/netns"),
    *("/usr/libexec/kubernetes", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods"),
)
SYSCTLS = ("kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward", "vm/overcommit_memory")
#: A command that starts a cluster with other programs, and stops it at the end of its input.
START = """
import signal
import sys
from pathlib import Path
from lab import signals
from tests.kubernetes import build, cluster
state, logs, programs = map(Path, sys.argv[1:])
build.build = lambda: programs
# A test run in the background ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
with signals.handled_once(), cluster.Cluster(state, logs):
    sys.stdin.read()
"""


def of_machine() -> dict[str, object]:
    """Return the state of the machine that a cluster must not change."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return {
        "folders": {folder for folder in FOLDERS if Path(folder).exists()},
        "mounts": [line for line in mounts if "kube" in line or "nsfs" in line or "k8s" in line],
        "sysctls": {name: Path("/proc/sys", name).read_text() for name in SYSCTLS},
    }


def processes_in(namespace: str) -> list[int]:
    """Return the IDs of the processes in a PID namespace, without zombies."""
    found = []
    for process in psutil.process_iter():
        try:
            inside = os.readlink(f"/proc/{process.pid}/ns/pid") == namespace
            if inside and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def namespace_of(state: Path) -> str:
    """Return the PID namespace of the cluster that is running with this folder."""
    unshare = Cluster(state)._process()
    return os.readlink(f"/proc/{unshare.pid}/ns/pid_for_children")


class Place:
    """Folders for a cluster beside the one for the other tests, and the state of the machine before it."""

    def __init__(self, folder: Path) -> None:
        self.state, self.logs, self.programs = folder / "state", folder / "logs", folder / "programs"
        self.cluster = Cluster(self.state, self.logs)
        self._before = of_machine()

    def write_api_server(self, script: str) -> None:
        """Let the cluster run this shell script instead of the API server, and no other program of Kubernetes."""
        self.programs.mkdir()
        (self.programs / "kube-apiserver").write_text(f"#!/bin/sh\n{script}\n")
        (self.programs / "kube-apiserver").chmod(0o755)

    def started(self) -> subprocess.Popen:
        """Start a command that starts a cluster with the folder's programs, and return when its etcd is running."""
        command = [sys.executable, *FLAGS, "-c", START, self.state, self.logs, self.programs]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert "etcd" in process.stdout.readline()
        return process

    def assert_unchanged(self) -> None:
        """Fail unless the machine is as it was, except for logs."""
        assert not self.state.exists()
        assert [root for root in cgroups.hierarchies() if (root / self.cluster.cgroup).exists()] == []
        assert of_machine() == self._before


@pytest.fixture
def place(can_run_cluster: None, tmp_path: Path) -> Iterator[Place]:
    """Folders for a cluster that is stopped after the test."""
    place = Place(tmp_path)
    yield place
    place.cluster.down()


def test_a_cluster_that_loses_its_kubelet_stops_with_the_reason_and_leaves_nothing_behind(place):
    place.cluster.up(keep=False)
    namespace = namespace_of(place.state)
    assert len(processes_in(namespace)) >= 9
    with pytest.raises(LabError, match="already running"):
        place.cluster.up()

    kubelet = next(pid for pid in processes_in(namespace) if psutil.Process(pid).cmdline()[0].endswith("/kubelet"))
    os.kill(kubelet, signal.SIGKILL)

    eventually(lambda: not place.cluster.is_running(), because="the cluster stops")
    with pytest.raises(LabError, match=r"not running: kubelet was killed by SIGKILL\. Last log line: .+kubelet\.log"):
        place.cluster.require_running()
    assert processes_in(namespace) == []
    place.cluster.down()
    place.assert_unchanged()


def test_a_process_that_fails_during_the_start_is_reported_with_its_last_log_line(place, monkeypatch):
    place.write_api_server("echo the port is taken >&2; exit 3")
    monkeypatch.setattr(build, "build", lambda: place.programs)

    with pytest.raises(LabError) as error:
        place.cluster.up()

    log = place.logs / "kube-apiserver.log"
    assert error.value.message == (
        "the test cluster could not be started: kube-apiserver exited with code 3. "
        f"Last log line: the port is taken (full log: {log})"
    )
    place.assert_unchanged()


def test_a_missing_program_of_kubernetes_is_named(place, monkeypatch):
    place.programs.mkdir()
    monkeypatch.setattr(build, "build", lambda: place.programs)

    with pytest.raises(LabError, match=r"could not be started: /.+/kube-apiserver: No such file or directory"):
        place.cluster.up()

    place.assert_unchanged()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_start_leaves_nothing_behind(place, number):
    place.write_api_server("exec sleep 600")
    process = place.started()
    namespace = namespace_of(place.state)

    process.send_signal(number)

    assert process.wait(timeout=30) != 0
    assert processes_in(namespace) == []
    place.assert_unchanged()


def test_a_cluster_stops_when_the_tests_are_killed(place):
    place.write_api_server("exec sleep 600")
    process = place.started()
    namespace = namespace_of(place.state)

    process.kill()

    eventually(lambda: not processes_in(namespace), because="every process is killed")
    assert of_machine()["mounts"] == place._before["mounts"]


def test_a_program_that_is_not_installed_is_named_with_its_package(place, monkeypatch):
    monkeypatch.setitem(build.RUN, "no-such-program", "no-such-package")

    with pytest.raises(LabError, match=r"needs more Debian packages: run `apt-get install no-such-package`"):
        place.cluster.up()

    place.assert_unchanged()
