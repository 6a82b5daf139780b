"""Test that the metrics directory is created, emptied or rejected with one sentence before uWSGI starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WIPE = (sys.executable, "-m", "pomar_telemetry.wipe")


def wipe(directory: str | Path, folder: Path, **options) -> subprocess.CompletedProcess:
    """Run the program that uWSGI runs before it starts."""
    environment = {"PATH": os.environ["PATH"], "PROMETHEUS_MULTIPROC_DIR": str(directory), **options.pop("env", {})}
    command = [*options.pop("prefix", []), *WIPE]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)


def refused(done: subprocess.CompletedProcess) -> str:
    """Return the error message of a failed run."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line


def test_an_empty_directory_name_is_refused_and_nothing_is_deleted(tmp_path):
    (tmp_path / "counter_1.db").write_text("precious")

    sentence = refused(wipe("", tmp_path))

    assert sentence.startswith("PROMETHEUS_MULTIPROC_DIR is empty: ")
    assert (tmp_path / "counter_1.db").read_text() == "precious"


def test_only_the_client_librarys_own_files_are_deleted(tmp_path):
    own = ["counter_1.db", "histogram_12.db", "summary_3.db", "gauge_all_4.db", "gauge_livemostrecent_5.db"]
    foreign = ["shop.db", "counter_x.db", "counter_1.db.bak", "my_counter_1.db", "gauge_1.sqlite", "counter_1"]
    for name in (*own, *foreign):
        (tmp_path / name).write_text("x")

    assert wipe(tmp_path, tmp_path).returncode == 0

    assert {path.name for path in tmp_path.iterdir()} == {*foreign, "began"}


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "metrics").write_text("precious")

    assert "cannot be used for the metrics" in refused(wipe(tmp_path / "metrics", tmp_path))
    assert (tmp_path / "metrics").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_owned_by_another_user_is_refused(tmp_path):
    (tmp_path / "counter_1.db").write_text("precious")
    os.chown(tmp_path, 65534, 65534)

    assert "belongs to another user" in refused(wipe(tmp_path, tmp_path))
    assert (tmp_path / "counter_1.db").read_text() == "precious"


def test_a_symlink_to_the_directory_is_followed_but_not_those_inside_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "precious").write_text("x")
    (tmp_path / "real" / "counter_1.db").symlink_to(tmp_path / "precious")
    (tmp_path / "real" / "began").symlink_to(tmp_path / "precious")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert wipe(tmp_path / "link", tmp_path).returncode == 0

    assert {path.name for path in (tmp_path / "real").iterdir()} == {"began"}
    assert (tmp_path / "precious").read_text() == "x"


IN_A_MOUNT = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]


def mounted(options: str, folder: Path) -> subprocess.CompletedProcess:
    """Run the program on a tmpfs with the given mount options, in a separate mount namespace."""
    script = f'mkdir -p m; mount -t tmpfs -o {options} none m; exec "$@"'
    return wipe(folder / "m", folder, prefix=[*IN_A_MOUNT, script, "sh"])


needs_mounts = pytest.mark.skipif(
    subprocess.run([*IN_A_MOUNT, "mount -t tmpfs none /mnt"], capture_output=True).returncode != 0,
    reason="this system forbids user namespaces",
)


@needs_mounts
def test_a_file_system_with_too_little_space_is_refused(tmp_path):
    sentence = refused(mounted("size=200k", tmp_path))

    assert "has 196 KiB free, but the metrics of 4 workers may need 8,192 KiB: free some space" in sentence


@needs_mounts
def test_a_read_only_directory_is_refused(tmp_path):
    assert "cannot be used for the metrics (Read-only file system)" in refused(mounted("ro", tmp_path))
