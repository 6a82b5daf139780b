"""Update the locked Python packages. uv compiles each ``requirements/NAME.in`` to ``NAME.txt``."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import bootstrap, network
from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes.compose import image_facts

FOLDER = ROOT / "requirements"
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes")
#: Lists of wheels that are only unpacked.
WITHOUT_DEPENDENCIES = ("kubectl",)


def newer_locks() -> Iterator[str]:
    """Write the newest locks: either all or none. Yield what changed, and then the images past their support."""
    with TemporaryDirectory() as name:
        work = Path(name)
        environment = bootstrap.of_pip()
        _install_uv(work, environment)
        fresh = _locks(work, environment)
    old = {file: file.read_text() if file.exists() else "" for file in fresh}
    _replace(fresh)
    for file, text in fresh.items():
        lines = list(changes(old[file], text))
        yield f"{file.relative_to(ROOT)}: {'changed' if lines else 'no change'}"
        yield from (f"  {line}" for line in lines)
    yield from image_facts.past_support(date.today(), image_facts.facts())


def _install_uv(work: Path, environment: dict[str, str]) -> None:
    """Install the locked version of uv into a temporary folder."""
    pip = [*bootstrap.PIP, "install", "--quiet", "--disable-pip-version-check"]
    lock = ["--require-hashes", "-r", FOLDER / "uv.txt"]
    done = subprocess.run([*pip, *lock, "--target", work / "uv"], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        reason = bootstrap.why_pip_failed(done.stdout + done.stderr, environment)
        raise LabError(f"uv could not be installed: {reason} No lock was changed.")


def _locks(work: Path, environment: dict[str, str]) -> dict[Path, str]:
    """Return each lock's new content."""
    # Stop uv from reading configuration files, and pass it the package index and certificates configured for pip.
    variables = {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON": str(bootstrap.PYTHON),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_CACHE_DIR": str(work / "cache"),
        "UV_CUSTOM_COMPILE_COMMAND": "make update",
    }
    for ours, theirs in (("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), ("SSL_CERT_FILE", "PIP_CERT")):
        if theirs in environment:
            variables[ours] = environment[theirs]
    # Compile in a folder without the current locks, because uv would keep the versions in them.
    inputs = [Path(shutil.copy(file, work)) for file in sorted(FOLDER.glob("*.in"))]
    for file in inputs:
        alone = ["--no-deps"] if file.stem in WITHOUT_DEPENDENCIES else []
        output = ["--output-file", file.with_suffix(".txt").name]
        command = [work / "uv" / "bin" / "uv", *COMPILE, *alone, file.name, *output]
        done = subprocess.run(command, cwd=work, env=environment | variables, capture_output=True, text=True)
        if done.returncode != 0:
            # uv's first line says what is wrong, and the second one why. The other lines only add detail.
            said = [line.strip().removeprefix("cause: ") for line in done.stderr.splitlines() if line.strip()]
            hint = " Check the network." if network.failed(done.stderr) else ""
            reason = ": ".join(said[:2]).rstrip(".")
            raise LabError(f"{file.name} could not be locked: {reason}.{hint} No lock was changed.")
    return {FOLDER / f"{file.stem}.txt": file.with_suffix(".txt").read_text() for file in inputs}


def _replace(fresh: dict[Path, str]) -> None:
    """Write all new files before replacing the first one, so that a full disk changes nothing."""
    written = {}
    try:
        for file, text in fresh.items():
            written[file] = file.with_name(f".{file.name}.new")
            written[file].write_text(text)
        for file, new in written.items():
            os.replace(new, file)
    finally:
        for new in written.values():
            new.unlink(missing_ok=True)


def changes(old: str, new: str) -> Iterator[str]:
    """Yield one line for each package whose version differs between two locks."""
    before, after = _packages(old), _packages(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name} {before.get(name, '(new)')} → {after.get(name, '(removed)')}"


def _packages(lock: str) -> dict[str, str]:
    """Return each package's version. If it differs between systems, return all of them, separated by commas."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", lock, re.MULTILINE):
        found.setdefault(name, []).append(version)
    return {name: ", ".join(versions) for name, versions in found.items()}
