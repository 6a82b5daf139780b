"""The Compose runtime's images: official ones, or ones built locally from Debian packages."""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from lab import console, network
from lab.console import last_line
from lab.errors import LabError
from lab.paths import LOGS
from lab.runtimes.compose.engine import PROJECT, Compose, docker, end
from lab.runtimes.settings import OFFICIAL_IMAGES

BUILD_LOG = "images.log"
#: A build that takes less time has only used Docker's build cache, so its images are not shown one by one.
QUICK_SECONDS = 5
#: The timeout for pulling one image, long enough for a slow network. If the registry is unreachable, the pull fails at
#: once.
PULL_SECONDS = 600
#: The look-alikes of the official images contain programs from these Debian releases.
LOOKALIKE_SUITES = ("forky", "trixie")
#: Options that make mmdebstrap build an image like the official Debian ones: no manuals, no apt caches, and no sync
#: after each package.
LEAN = (
    # A mirror may be outdated, for example if it is frozen.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=Dir::Cache::pkgcache ""',
    '--aptopt=Dir::Cache::srcpkgcache ""',
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "locale", "man")),
)


def base(suite: str) -> str:
    """Return the name of the base image for a Debian release."""
    return f"localhost/pomar/debian:{suite}"


def choose(settings: Mapping[str, str]) -> tuple[str, str]:
    """Return the kind of images to use (``official``, ``debian`` or ``lookalike``) and the reason.

    If ``IMAGES`` is not ``auto``, it sets the kind. Otherwise, the choice is the first of these that applies: the kind
    with existing data; the kind that is already on this machine; the official images, if all can be pulled; ``debian``.
    """
    if settings["IMAGES"] != "auto":
        return settings["IMAGES"], f"IMAGES={settings['IMAGES']} is set"
    kept = [kind for kind, volume in _databases(settings).items() if _there("volume", volume)]
    if len(kept) == 1:
        return kept[0], "the existing data was created with them"
    if not _missing(settings):
        return "official", "they are already on this machine"
    if _there("image", base(settings["DEBIAN_SUITE"])):
        return (
            "debian",
            "they have already been built in this Docker engine; to pull the official ones, set IMAGES=official",
        )
    try:
        _pull(settings)
    except LabError as error:
        return "debian", f"the official ones cannot be pulled ({error.message.rstrip('.')})"
    return "official", "they can be pulled"


def make(compose: Compose, settings: Mapping[str, str], kind: str) -> None:
    """Pull or build the images that are missing or outdated. If that fails, raise LabError with the reason."""
    if kind == "official":
        _pull(settings)
    for suite in {"debian": [settings["DEBIAN_SUITE"]], "lookalike": LOOKALIKE_SUITES}.get(kind, []):
        if not _there("image", base(suite)):
            with console.step(f"base image {base(suite)}"):
                _make_base(suite, base(suite))
    with console.step("images built"):
        if kind == "lookalike":
            # Build the base image for the lab's own images first.
            _finish(compose.start(BUILD_LOG, "--profile", "base", "build", "python"))
        build(compose)


def build(compose: Compose, *options: str) -> None:
    """Build all of the lab's outdated images. If a build fails, raise LabError with the reason."""
    _finish(compose.start(BUILD_LOG, "--profile", "load", "build", *options))


def _databases(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the database volume for each kind of image."""
    return {
        "official": f"{PROJECT}_postgres-data",
        "debian": f"{PROJECT}_postgres-data-{settings['DEBIAN_SUITE']}",
        "lookalike": f"{PROJECT}_postgres-data-lookalike",
    }


def _there(what: str, name: str) -> bool:
    """Return whether the engine has an ``image`` or a ``volume`` with this name."""
    return subprocess.run(["docker", what, "inspect", name], capture_output=True).returncode == 0


def _missing(settings: Mapping[str, str]) -> list[str]:
    """Return the official images that are not on this machine, including base images."""
    names = [settings[name] for name in OFFICIAL_IMAGES if settings[name]]
    return [name for name in names if not _there("image", name)]


def _pull(settings: Mapping[str, str]) -> None:
    """Pull the missing official images. If one cannot be pulled, raise LabError with the reason."""
    for image in _missing(settings):
        with console.step(f"{image} pulled"):
            if problem := _cannot_pull(image):
                raise LabError(f"{image} cannot be pulled: {problem}{advice(problem)}")


def _cannot_pull(image: str) -> str:
    """Pull an image. If that fails, return the reason, otherwise an empty string."""
    try:
        command = ["docker", "pull", "--quiet", image]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PULL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the pull timed out after {PULL_SECONDS} s"
    return "" if done.returncode == 0 else last_line(done.stderr).removeprefix("Error response from daemon: ")


def _make_base(suite: str, name: str) -> None:
    """Pull and tag the official Debian image or, if it cannot be pulled, build an image from Debian packages."""
    problem = _cannot_pull(f"debian:{suite}-slim")
    if not problem:
        docker("tag", f"debian:{suite}-slim", name)
        return
    if not shutil.which("mmdebstrap"):
        raise LabError(
            f"debian:{suite}-slim cannot be pulled ({problem}), and mmdebstrap is not installed, which builds it from "
            f"Debian packages: install mmdebstrap{', or fix the network' if network.failed(problem) else ''}."
        )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        command = ["mmdebstrap", "--variant=minbase", *LEAN, suite, archive]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise LabError(
                f"the base image cannot be built from Debian packages: {reason(done.stderr)}{advice(done.stderr)}"
            )
        docker("import", str(archive), name)


def _finish(process: subprocess.Popen) -> None:
    """Wait for a build, showing each image when it is built. If the build fails, raise LabError with the reason."""
    log, began = LOGS / BUILD_LOG, time.monotonic()
    shown: set[str] = set()
    try:
        code = None
        while code is None:
            # Check the process before reading its log: once the build has exited, the log is complete.
            code = process.poll()
            seconds = time.monotonic() - began
            found = built(log.read_text(errors="replace")) if seconds > QUICK_SECONDS else []
            for image in found:
                if image not in shown:
                    console.done(image, seconds)
                    shown.add(image)
            time.sleep(0.2)
    except BaseException:
        end(process)
        raise
    if code != 0:
        said = log.read_text(errors="replace")
        raise LabError(f"the images cannot be built: {reason(said)} (full log: {log}){advice(said)}")


def built(log: str) -> list[str]:
    """Return the images that a build has finished, according to its output so far."""
    # Matches the output of BuildKit and of Docker's legacy builder.
    lines = r"^(?:#\d+ naming to (?:docker\.io/)?(?=.* done$)|Successfully tagged )(\S+)"
    return re.findall(lines, log, re.MULTILINE)


def advice(log: str) -> str:
    """Return the end of an error message about a build or pull: a fix if the log suggests one, or just a period."""
    if "no space left on device" in log.lower():
        return ". Free some space on Docker's disk: `docker system prune` removes unused images and containers."
    return ". Check the network." if network.failed(log) else "."


def reason(log: str) -> str:
    """Return the line of a build's output that best explains why it failed."""
    # The output of a build step starts with its number and the time: "#12 0.204 E: Unable to locate package".
    said = [re.sub(r"^#\d+ ([\d.]+ )?", "", line).strip() for line in log.splitlines()]
    errors = [line for line in said if re.match(r"(E:|ERROR:|error:|failed to)", line)]
    return errors[0] if errors else last_line(log)
