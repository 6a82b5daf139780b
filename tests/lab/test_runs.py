"""Test which run counts as the last one, which clock measures durations, and which versions are recorded."""

import json
import re

import pytest

from lab.drills import drill
from lab.errors import LabError
from lab.paths import ROOT
from lab.runs import archive, versions


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """An empty folder for reports."""
    monkeypatch.setattr(archive, "REPORTS", tmp_path)
    return tmp_path


def test_the_last_run_is_found_by_its_start_time_not_its_file_name(reports):
    # Earlier versions used local time in file names. Here, it is 9 hours ahead of UTC, then 8 hours behind.
    (reports / "load-20261125-060000-smoke.json").write_text(json.dumps({"start": 1_795_640_400.0}))
    (reports / "load-20261124-132000-steady.json").write_text(json.dumps({"start": 1_795_642_800.0}))
    (reports / "load-20261126-000000-smoke.json").write_text("{")

    assert archive.last().name == "load-20261124-132000-steady.json"


def test_without_a_run_the_error_says_how_to_make_one(reports):
    with pytest.raises(LabError, match="`make load` starts one"):
        archive.last()


def test_a_drill_is_timed_by_a_monotonic_clock(monkeypatch, capsys):
    timeline = drill.Timeline()
    monkeypatch.setattr(drill.time, "time", lambda: timeline.began + 3600)

    timeline.note("an hour later by the wall")

    assert timeline.steps[0][0] < 60


def test_no_duration_is_computed_from_the_wall_clock():
    sources = [path for folder in ("lab", "loadtest") for path in (ROOT / folder).rglob("*.py")]

    assert not [path for path in sources if re.search(r"time\.time\(\) - |- time\.time\(\)", path.read_text())]


def test_the_lab_version_is_recorded_even_if_no_service_reports_its_own():
    class Silent:
        def url(self, service, path="/"):
            return "http://127.0.0.1:1"

        def run(self, command, service, **options):
            raise LabError("not running")

        def read(self, service, path, *, port=""):
            raise OSError

    project = (ROOT / "pyproject.toml").read_text()

    assert versions.versions(Silent()) == {"lab": re.search(r'^version = "(.+)"$', project, re.MULTILINE)[1]}
