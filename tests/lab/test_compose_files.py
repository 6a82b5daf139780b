"""Test the files that containers mount: every user can read them, and changes to them are detected."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes.compose import files


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    """A folder and its parent, with the file modes of a checkout created with umask 077."""
    tmp_path.chmod(0o700)
    before = os.umask(0o077)
    try:
        (tmp_path / "private").write_text("")
        folder = tmp_path / "nginx"
        (folder / "pages").mkdir(parents=True)
        (folder / "pages" / "unavailable.html").write_text("later")
        (folder / "link").symlink_to(tmp_path / "private")
    finally:
        os.umask(before)
    return folder


def mode(path: Path) -> int:
    """Return a file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_only_files_that_containers_mount_are_made_readable(nginx):
    files.make_readable([nginx])

    assert mode(nginx) == mode(nginx / "pages") == 0o755
    assert mode(nginx / "pages" / "unavailable.html") == 0o644
    assert mode(nginx.parent) == 0o700
    assert mode(nginx.parent / "private") == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_the_error_names_another_users_file_that_containers_cannot_read():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "nginx.conf").touch(0o600)
        os.seteuid(65534)
        try:
            with pytest.raises(LabError) as seen:
                files.make_readable([folder])
        finally:
            os.seteuid(0)

    assert seen.value.message == (
        f"containers cannot read {folder}/nginx.conf, and its mode cannot be changed (Operation not permitted): "
        f"run `sudo chmod -R a+rX {folder}`."
    )


def last_change(folder: Path) -> float:
    """Return when a folder last changed, after waiting a few ms so that the next change has a later time."""
    seen = files.changed_at([folder])
    (folder.parent / "clock").touch()
    while files.changed_at([folder.parent / "clock"]) <= seen:
        (folder.parent / "clock").write_text("")
    return seen


def test_a_file_replaced_by_an_older_one_counts_as_changed(nginx):
    page, older = nginx / "pages" / "unavailable.html", nginx.parent / "older"
    older.write_text("sooner")
    os.utime(older, (0, 0))
    before = last_change(nginx)

    older.replace(page)

    assert files.changed_at([nginx]) > before
    assert files.changed_at([page]) > before


def test_a_folder_that_lost_a_file_counts_as_changed(nginx):
    before = last_change(nginx)

    (nginx / "pages" / "unavailable.html").unlink()

    assert files.changed_at([nginx]) > before


def test_without_files_nothing_has_changed():
    assert files.changed_at([]) == 0


def test_every_file_copied_into_an_image_is_readable_by_every_user():
    """Without --chmod, COPY keeps the checkout's file modes. Only files that root reads during the build may do so."""
    for dockerfile in ("app/Dockerfile", "images/Dockerfile", "loadtest/Dockerfile"):
        for line in (ROOT / dockerfile).read_text().splitlines():
            if line.startswith("COPY ") and not line.startswith(("COPY --from=", "COPY requirements/")):
                assert line.startswith("COPY --chmod=0755 "), f"{dockerfile}: {line}"
