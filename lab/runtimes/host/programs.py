"""Find the host runtime's programs, or unpack them from Debian packages without root."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml

from lab import network
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE

PACKAGES_FILE = ROOT / "host" / "packages.yaml"
UNPACKED = STATE / "debian"
APT = STATE / "apt"
APT_LOG = LOGS / "apt.log"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: The JavaScript and fonts for the Prometheus and Alertmanager pages. Debian links to them from /usr/share.
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
#: The libraries that NGINX and the Go programs are linked against.
LIBRARIES = ("libc6", "libcrypt1", "libpcre2-8-0", "libssl3t64 | libssl3", "libzstd1", "zlib1g")


def find_all() -> dict[str, Path]:
    """Return the path of each program in ``host/packages.yaml``.

    Programs that are not on the PATH come from ``.lab/debian``, where they are unpacked the first time. Raises LabError
    if a program is missing and cannot be unpacked.
    """
    check()
    wanted, found, unpacked = _wanted(), _on_path(), _unpacked()
    packages = {program: wanted[program]["package"] for program in wanted if not found[program]}
    if not all(unpacked[program] for program in packages):
        _unpack(sorted(set(packages.values())))
        unpacked = _unpacked()
    for program, package in packages.items():
        found[program] = unpacked[program]
        if not found[program]:
            raise LabError(f"the Debian package {package} does not contain {program}: install {program} yourself.")
    return found


def check() -> str:
    """Return where the programs come from. Raise LabError if one is missing and cannot be unpacked or run."""
    wanted, found, unpacked = _wanted(), _on_path(), _unpacked()
    missing = [program for program in wanted if not found[program]]
    if not missing:
        return "all are on the PATH"
    absent = [program for program in missing if not unpacked[program]]
    if absent:
        _require_apt(sorted({wanted[program]["package"] for program in absent}))
    _require_namespaces()
    if absent:
        return f"{', '.join(absent)}: `make up` will unpack them from Debian packages into .lab/debian"
    return f"{', '.join(missing)}: unpacked in .lab/debian; the others are on the PATH"


def _wanted() -> dict[str, dict]:
    return yaml.safe_load(PACKAGES_FILE.read_text())


def _on_path() -> dict[str, Path | None]:
    """Return the path of each program, or None if it is neither on the PATH nor in an sbin folder."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
    return {program: _find(entry["names"], path) for program, entry in _wanted().items()}


def _unpacked() -> dict[str, Path | None]:
    """Return the path of each program in ``.lab/debian``, or None if it is not there."""
    path = os.pathsep.join(str(UNPACKED / "usr" / place) for place in ("sbin", "bin"))
    return {program: _find(entry["names"], path) for program, entry in _wanted().items()}


def _find(names: list[str], path: str) -> Path | None:
    places = (shutil.which(name, path=path) for name in names)
    return next((Path(place) for place in places if place), None)


def _require_namespaces() -> None:
    """Raise LabError if unpacked programs cannot get their own /usr/share (see host/with-share.sh)."""
    trial = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    try:
        allowed = subprocess.run(trial, capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        raise LabError(
            "this system forbids user namespaces, which the unpacked Prometheus needs: either install prometheus, "
            "prometheus-alertmanager and prometheus-pushgateway and stop their services, or start a Docker engine."
        )


def _require_apt(packages: list[str]) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise LabError(
                f"these programs are missing and there is no {tool} to download them: {', '.join(packages)}. "
                "Install them, or start a Docker engine."
            )


def _unpack(packages: list[str]) -> None:
    print(f"Unpacking {', '.join(packages)} into .lab/debian (only once) …", flush=True)
    options, archives = _apt_options(APT), APT / "archives"
    apt = ["apt-get", "--quiet", *options]
    APT_LOG.write_text("")
    # An unreachable apt source does not matter as long as the others have the packages.
    _succeeds([*apt, "update"])
    broken = _broken_sources()
    packages = _existing(packages, options)
    for old in archives.glob("*.deb"):
        old.unlink()
    if not _succeeds([*apt, "download", *packages, *PAGE_LIBRARIES], archives):
        # If one package is missing, apt downloads none, so try them one by one. The page libraries are optional.
        for package in packages:
            _must([*apt, "download", package], archives, broken)
        for package in PAGE_LIBRARIES:
            _succeeds([*apt, "download", package], archives)
    if broken:
        print(f"apt could not read {', '.join(broken)}, but the lab did not need it. Fix or remove it.", flush=True)
    # Unpack into a temporary folder, so that a full disk or Ctrl-C leaves no half-unpacked programs behind.
    fresh = STATE / "debian.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for archive in archives.glob("*.deb"):
        _must(["dpkg-deb", "--extract", str(archive), str(fresh)])
    shutil.rmtree(UNPACKED, ignore_errors=True)
    fresh.rename(UNPACKED)
    shutil.rmtree(archives)


def of_release(suite: str, extra: Sequence[str] = ()) -> Path:
    """Return a folder that contains the host runtime's programs from another Debian release, ready to run by name.

    The programs, the ``extra`` packages and their libraries are unpacked once, into ``.lab/debian-SUITE``. Raises
    LabError if this machine is not running Debian, or if apt cannot download the packages.
    """
    target, bin_folder = STATE / f"debian-{suite}", STATE / f"debian-{suite}" / "bin"
    packages = {entry["package"] for entry in yaml.safe_load(PACKAGES_FILE.read_text()).values()}
    wanted = sorted({*packages, *LIBRARIES, *extra})
    made_of = target / "packages"
    if made_of.exists() and made_of.read_text().split("\n") == wanted:
        return bin_folder
    if not shutil.which("apt-get"):
        raise LabError("there is no apt-get on this machine.")
    places = ["Origin: Debian", "Label: Debian", "Component: main", "Created-By: Packages"]
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", *places], capture_output=True, text=True
    ).stdout.split()
    if not found:
        raise LabError("apt has no Debian archive configured on this machine; on Debian, run `apt-get update`.")
    fresh, apt_folder = STATE / f"debian-{suite}.new", STATE / f"apt-{suite}"
    # An interrupted run may have left an older version here.
    shutil.rmtree(apt_folder, ignore_errors=True)
    options = _apt_options(apt_folder)
    APT_LOG.touch()
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    (apt_folder / "sources.list").write_text(f"deb {signed}{found[0]} {suite} main\n")
    options += [
        f"-oDir::Etc::SourceList={apt_folder / 'sources.list'}",
        "-oDir::Etc::SourceParts=-",
        "-oAcquire::Languages=none",
    ]
    apt = ["apt-get", "--quiet", *options]
    _must([*apt, "update", "--error-on=any"])
    _must([*apt, "download", *_existing(wanted, options)], apt_folder / "archives")
    shutil.rmtree(fresh, ignore_errors=True)
    for archive in (apt_folder / "archives").glob("*.deb"):
        _must(["dpkg-deb", "--extract", str(archive), str(fresh)])
    _write_starters(fresh, target)
    (fresh / "packages").write_text("\n".join(wanted))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    shutil.rmtree(apt_folder)
    return bin_folder


def _write_starters(fresh: Path, target: Path) -> None:
    """Create ``bin/`` in a folder of unpacked packages. Its scripts start the programs with the right C library."""
    (loader,) = {path.resolve() for place in ("lib", "usr/lib") for path in fresh.glob(f"{place}/*/ld-linux*.so.*")}
    libraries = ":".join(
        str(target / folder.relative_to(fresh))
        for place in ("lib", "usr/lib")
        for folder in fresh.glob(f"{place}/*-linux-gnu*")
    )
    (fresh / "bin").mkdir()
    for program in (path for place in ("sbin", "bin") for path in (fresh / "usr" / place).iterdir()):
        command = [target / loader.relative_to(fresh), "--library-path", libraries, target / program.relative_to(fresh)]
        starter = fresh / "bin" / program.name
        starter.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        starter.chmod(0o755)


def _apt_options(folder: Path) -> list[str]:
    """Return options that make apt keep its files in a folder of the lab and run without root."""
    for directory in (folder / "lists" / "partial", folder / "archives" / "partial", LOGS):
        directory.mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
    }
    return [f"-o{name}={value}" for name, value in options.items()]


def _existing(packages: Sequence[str], options: Sequence[str]) -> list[str]:
    """Resolve alternatives such as ``new | old`` to the first package that apt knows, or otherwise to the last one."""
    known = set(subprocess.run(["apt-cache", *options, "pkgnames"], capture_output=True, text=True).stdout.split())
    alternatives = [re.split(r" *\| *", package) for package in packages]
    return sorted({next((name for name in names if name in known), names[-1]) for names in alternatives})


def _succeeds(command: list[str], cwd: Path = ROOT) -> bool:
    with APT_LOG.open("a") as log:
        how = {"cwd": cwd, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        # In English, because the output is parsed below.
        return subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, **how).returncode == 0


def _broken_sources() -> list[str]:
    """Return the URLs of the sources that `apt-get update` could not read, without duplicates."""
    said = APT_LOG.read_text(errors="replace")
    found = re.findall(
        r"^[EW]: (?:Failed to fetch|GPG error:|The repository) '?(\w\S+?)(?:/dists/\S+)?[ ']", said, re.M
    )
    return list(dict.fromkeys(found))


def _must(command: list[str], cwd: Path = ROOT, broken: Sequence[str] = ()) -> None:
    """Run a command. If it fails, raise LabError with its error and the broken sources, if any."""
    said = APT_LOG.stat().st_size
    if _succeeds(command, cwd):
        return
    with APT_LOG.open("rb") as log:
        log.seek(said)
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.startswith(("E:", "dpkg"))]
    unread = f"apt cannot read {', '.join(broken)}; " if broken else ""
    # The errors about unreadable sources were logged before this command ran.
    offline = network.failed("\n".join(lines)) or (broken and network.failed(APT_LOG.read_text(errors="replace")))
    raise LabError(
        f"the Debian packages could not be unpacked: {unread}{(lines or ['no reason given'])[0].rstrip('.')}. "
        f"{'Check the network, install' if offline else 'Install'} the programs yourself, or start a Docker engine "
        f"(full log: {APT_LOG})."
    )
