"""Find the programs of the host runtime, or unpack them from Debian's packages without root."""

import os
import shutil
import subprocess
from pathlib import Path

import yaml

from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE

PACKAGES_FILE = ROOT / "host" / "packages.yaml"
UNPACKED = STATE / "debian"
APT = STATE / "apt"
APT_LOG = LOGS / "apt.log"
#: What the pages of Prometheus and its kin draw with; Debian links to them from /usr/share.
PAGE_LIBRARIES = (
    "fonts-glyphicons-halflings",
    "libjs-bootstrap4",
    "libjs-d3",
    "libjs-eonasdan-bootstrap-datetimepicker",
    "libjs-jquery",
    "libjs-jquery-hotkeys",
    "libjs-moment",
    "libjs-moment-timezone",
    "libjs-mustache",
    "libjs-popper.js",
    "libjs-rickshaw",
)


def find_all() -> dict[str, Path]:
    """Return where each program of ``host/packages.yaml`` is.

    What is not on the PATH is taken from ``.lab/debian``, where it is unpacked the first time. Raises LabError when a
    program is missing and cannot be unpacked.
    """
    wanted = yaml.safe_load(PACKAGES_FILE.read_text())
    system = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    unpacked = os.pathsep.join(str(UNPACKED / "usr" / place) for place in ("sbin", "bin"))
    found = {program: _find(entry["names"], system) for program, entry in wanted.items()}
    packages = {program: entry["package"] for program, entry in wanted.items() if not found[program]}
    if not all(_find(wanted[program]["names"], unpacked) for program in packages):
        _unpack(sorted(set(packages.values())))
    for program, package in packages.items():
        found[program] = _find(wanted[program]["names"], unpacked)
        if not found[program]:
            raise LabError(f"Debian's package {package} brings no {program} here: install {program} yourself.")
    if packages:
        _require_namespaces()
    return found


def _find(names: list[str], path: str) -> Path | None:
    places = (shutil.which(name, path=path) for name in names)
    return next((Path(place) for place in places if place), None)


def _require_namespaces() -> None:
    """Raise LabError when a program that was unpacked cannot be shown its own /usr/share (host/with-share.sh)."""
    trial = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    try:
        allowed = subprocess.run(trial, capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        raise LabError(
            "this system forbids user namespaces, which the unpacked Prometheus needs: install prometheus, "
            "prometheus-alertmanager and prometheus-pushgateway and stop their services, or start a Docker engine."
        )


def _unpack(packages: list[str]) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise LabError(
                f"these programs are missing and there is no {tool} to fetch them: {', '.join(packages)}. "
                "Install them, or start a Docker engine."
            )
    print(f"Unpacking {', '.join(packages)} into .lab/debian, once …", flush=True)
    lists, archives = APT / "lists", APT / "archives"
    for directory in (lists / "partial", archives / "partial", LOGS):
        directory.mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::Lists": lists,
        "Dir::Cache": APT,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    apt = ["apt-get", "--quiet", *(f"-o{name}={value}" for name, value in options.items())]
    APT_LOG.write_text("")
    _run([*apt, "update"])
    for old in archives.glob("*.deb"):
        old.unlink()
    _run([*apt, "download", *packages, *PAGE_LIBRARIES], cwd=archives)
    # Into a folder beside, so that a full disk or Ctrl-C leaves no half-unpacked program behind.
    fresh = STATE / "debian.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for archive in archives.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(archive), str(fresh)])
    shutil.rmtree(UNPACKED, ignore_errors=True)
    fresh.rename(UNPACKED)
    shutil.rmtree(archives)


def _run(command: list[str], cwd: Path = ROOT) -> None:
    with APT_LOG.open("a") as log:
        if subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode == 0:
            return
    lines = [line for line in APT_LOG.read_text(errors="replace").splitlines() if line.startswith(("E:", "dpkg"))]
    raise LabError(
        f"Debian's packages cannot be unpacked: {lines[-1] if lines else 'no reason given'} (all of it: {APT_LOG}). "
        "Is the network there? Else install the programs, or start a Docker engine."
    )
