"""Test how the host runtime gets its programs, with the real apt and local package sources."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.runtimes.host import programs

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt-get")
#: Nothing is listening on this port.
DEAD = "http://127.0.0.1:1"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A local apt archive with one package, ``pomar-test``, which contains one program."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "pomar-test").write_text("it is there")
    control = "Package: pomar-test\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@b.example>\nDescription: x\n"
    (tree / "DEBIAN" / "control").write_text(control)
    archive = tmp_path / "archive"
    archive.mkdir()
    deb = archive / "pomar-test.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, deb], check=True, capture_output=True)
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    index = f"{control}Filename: ./pomar-test.deb\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"
    (archive / "Packages").write_text(index)
    return archive


@pytest.fixture
def sources(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with apt's sources: only the local archive. Packages are unpacked into a temporary folder."""
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "archive.list").write_text(f"deb [trusted=yes] file:{archive} ./\n")
    configuration = tmp_path / "apt.conf"
    configuration.write_text(f'Dir::Etc::SourceParts "{folder}"; Dir::Etc::SourceList "/dev/null";')
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, path in {
        "STATE": "",
        "UNPACKED": "debian",
        "APT": "apt",
        "LOGS": "logs",
        "APT_LOG": "logs/apt.log",
    }.items():
        monkeypatch.setattr(programs, name, tmp_path / "state" / path)
    return folder


def unpacked() -> Path:
    """Return the path of the program unpacked from ``pomar-test``."""
    return programs.UNPACKED / "usr" / "bin" / "pomar-test"


def test_a_package_is_unpacked_even_if_no_source_has_the_page_libraries(sources, capsys):
    programs._unpack(["pomar-test"])

    assert unpacked().read_text() == "it is there"
    assert "could not read" not in capsys.readouterr().out


def test_an_unreachable_source_is_named_but_the_package_is_unpacked(sources, capsys):
    (sources / "dead.list").write_text(f"deb [trusted=yes] {DEAD} stable main\n")

    programs._unpack(["pomar-test"])

    assert unpacked().read_text() == "it is there"
    assert f"apt could not read {DEAD}, but the lab did not need it" in capsys.readouterr().out


def test_a_source_without_an_index_is_named_but_the_package_is_unpacked(sources, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (sources / "empty.list").write_text(f"deb file:{tmp_path}/empty stable main\n")

    programs._unpack(["pomar-test"])

    assert unpacked().exists()
    assert f"apt could not read file:{tmp_path}/empty, but" in capsys.readouterr().out


@pytest.mark.parametrize("package", ["pomar-test | pomar-missing", "pomar-missing | pomar-test"])
def test_a_program_comes_from_whichever_package_this_release_has(sources, package):
    programs._unpack([package])

    assert unpacked().read_text() == "it is there"


def test_the_error_for_a_missing_package_names_the_unreachable_source(sources):
    (sources / "dead.list").write_text(f"deb [trusted=yes] {DEAD} stable main\n")

    with pytest.raises(LabError) as error:
        programs._unpack(["pomar-test", "pomar-missing"])

    assert "Unable to locate package pomar-missing" in error.value.message
    assert f"could not be unpacked: apt cannot read {DEAD}; E: Unable" in error.value.message
    assert "Check the network" in error.value.message
    assert not programs.UNPACKED.exists()


def test_a_malformed_source_is_named(sources):
    (sources / "odd.list").write_text("deb nonsense\n")

    with pytest.raises(LabError, match=r"Malformed entry 1 in list file .*odd\.list") as error:
        programs._unpack(["pomar-test"])

    assert "network" not in error.value.message


def test_another_debian_release_is_only_taken_from_the_debian_archive(sources):
    with pytest.raises(LabError, match="apt has no Debian archive configured"):
        programs.of_release("forky")

    assert not (programs.STATE / "debian-forky").exists()
