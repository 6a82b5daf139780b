"""Build Kubernetes for the test cluster from Debian's source package, once: ``python -m tests.kubernetes.build``."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from lab import console, signals
from lab.errors import LabError
from lab.paths import ROOT

FOLDER = Path(__file__).resolve().parent
SCRIPT = FOLDER / "build.sh"
#: What the result depends on.
SOURCES = (SCRIPT, FOLDER / "hyperkube.go", FOLDER / "pause.go")
#: The Debian release that has both the source package and the services that work with this version of Kubernetes.
RELEASE = "bookworm"
#: The programs that the cluster runs, and the Debian packages that they are in.
RUN = {
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "containerd": "containerd",
    "crun": "crun",
    "dnsmasq": "dnsmasq-base",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "iptables": "iptables",
}
#: The programs that build Kubernetes.
BUILD = {"/usr/lib/go-1.19/bin/go": "golang-1.19-go", "apt-get": "apt"}
#: Where programs are searched for: the PATH, and the folders for administrators.
SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
OS_RELEASE = Path("/etc/os-release")
#: These folders of the machine are hidden from the cluster, which has its own.
HIDDEN = ("/run", "/var/lib", "/var/log")


def cache() -> Path:
    """Return the folder for builds: ``LAB_KUBERNETES_CACHE``, or ``pomar/kubernetes`` in the user's cache folder."""
    users = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LAB_KUBERNETES_CACHE") or Path(users, "pomar", "kubernetes")).resolve()


def binaries() -> Path:
    """Return the folder that the current sources are built into."""
    digest = hashlib.sha256()
    for source in SOURCES:
        digest.update(source.read_bytes())
    return cache() / f"{digest.hexdigest()[:12]}-{os.uname().machine}"


def check() -> None:
    """Raise LabError if the cluster cannot run here, or cannot be built and has not been built yet."""
    if os.geteuid() != 0:
        raise LabError("the test cluster needs root, because it creates namespaces, mounts and cgroups.")
    if (found := release()) != RELEASE:
        raise LabError(f"the test cluster needs Debian 12, but this machine runs {found or 'another system'}.")
    for path in (ROOT, cache()):
        if folder := next((folder for folder in HIDDEN if path.is_relative_to(folder)), None):
            raise LabError(f"the test cluster has its own {folder}: move {path} to another folder.")
    if packages := missing(RUN if binaries().exists() else RUN | BUILD):
        raise LabError(f"the test cluster needs more Debian packages: run `apt-get install {' '.join(packages)}`.")


def release() -> str:
    """Return the code name of this machine's distribution release."""
    lines = OS_RELEASE.read_text().splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")


def missing(programs: Mapping[str, str]) -> list[str]:
    """Return the packages of the programs that are not installed, in alphabetical order."""
    return sorted({package for program, package in programs.items() if not shutil.which(program, path=SEARCHED)})


def build() -> Path:
    """Build Kubernetes, unless it has been built, and return the folder with its programs.

    Takes about nine minutes of CPU time, and 3 GB of disk space while it runs. Raises LabError if the build fails.
    """
    result = binaries()
    if result.exists():
        return result
    check()
    log = cache() / "build.log"
    work = cache() / "work"
    with _lock():
        # Another command may have finished the build in the meantime.
        if result.exists():
            return result
        print(f"Building Kubernetes (only once, about 9 minutes of CPU time; log: {log}) …", flush=True)
        with console.step("Kubernetes built"), log.open("w") as output:
            code = _run([SCRIPT, work, work / "result"], output)
        if code:
            last = console.last_line(log.read_text(errors="replace"))
            raise LabError(f"Kubernetes could not be built. Last log line: {last} (full log: {log})")
        (work / "result").rename(result)
        shutil.rmtree(work)
    return result


@contextmanager
def _lock() -> Iterator[None]:
    """Wait until no other command is building."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command: list[Path], output) -> int:
    """Run a command and return its exit code. If this process is interrupted, the command and its children end, too."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise


@click.command()
def main() -> None:
    """Build Kubernetes for the test cluster, and print the folder with its programs."""
    with signals.handled_once():
        click.echo(build())


if __name__ == "__main__":
    main()
