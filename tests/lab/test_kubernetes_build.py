"""The build of the test cluster's programs, and what it requires of a machine."""

import os
from pathlib import Path

import pytest

from lab.errors import LabError
from tests.kubernetes import build

DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that can run the cluster but has not built it. Returns the folder of its programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("containerd", "crun", "go"):
        (folder / name).touch(mode=0o755)
    (tmp_path / "os-release").write_text(DEBIAN_12)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(build, "OS_RELEASE", tmp_path / "os-release")
    monkeypatch.setattr(build, "SEARCHED", str(folder))
    monkeypatch.setattr(build, "RUN", {"containerd": "containerd", "crun": "crun"})
    monkeypatch.setattr(build, "BUILD", {"go": "golang-1.19-go"})
    monkeypatch.setenv("LAB_KUBERNETES_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_machine_with_all_packages_can_run_the_cluster(able):
    build.check()


def test_without_root_the_cluster_is_refused(able, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="needs root"):
        build.check()


def test_another_release_of_debian_is_refused_by_its_name(able):
    build.OS_RELEASE.write_text(DEBIAN_12.replace("bookworm", "trixie"))

    with pytest.raises(LabError, match="needs Debian 12, but this machine runs trixie"):
        build.check()


def test_missing_packages_are_listed_in_one_sentence_with_the_command_that_installs_them(able):
    for name in ("crun", "go"):
        (able / name).unlink()

    with pytest.raises(LabError) as error:
        build.check()

    assert error.value.message == (
        "the test cluster needs more Debian packages: run `apt-get install crun golang-1.19-go`."
    )


def test_what_is_built_needs_no_compiler(able):
    (able / "go").unlink()
    build.binaries().mkdir(parents=True)

    build.check()


def test_a_cache_in_a_folder_that_the_cluster_replaces_is_refused(able, monkeypatch):
    monkeypatch.setenv("LAB_KUBERNETES_CACHE", "/var/lib/pomar")

    with pytest.raises(LabError, match="its own /var/lib: move /var/lib/pomar to another folder"):
        build.check()


def test_the_result_is_kept_until_a_source_changes(able, monkeypatch, tmp_path):
    script = tmp_path / "build.sh"
    script.write_text('#!/bin/sh\nmkdir -p "$2"\necho built >"$2/hyperkube"\necho once >>"$1/../runs"\n')
    script.chmod(0o755)
    monkeypatch.setattr(build, "SCRIPT", script)
    monkeypatch.setattr(build, "SOURCES", (script,))

    first, again = build.build(), build.build()
    script.write_text(f"{script.read_text()}# changed\n")
    changed = build.build()

    assert first == again != changed
    assert (changed / "hyperkube").read_text() == "built\n"
    assert (tmp_path / "cache" / "runs").read_text() == "once\nonce\n"


def test_a_failed_build_is_reported_with_its_last_log_line(able, monkeypatch, tmp_path):
    script = tmp_path / "build.sh"
    script.write_text("#!/bin/sh\necho no space left >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(build, "SCRIPT", script)
    monkeypatch.setattr(build, "SOURCES", (script,))

    with pytest.raises(LabError, match=r"could not be built\. Last log line: no space left \(full log: .+build\.log\)"):
        build.build()

    assert not build.binaries().exists()
