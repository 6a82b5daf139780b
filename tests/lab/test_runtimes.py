"""Which runtime is chosen, and what is said when it cannot be."""

import shutil

import pytest

from lab import runtimes
from lab.compose import engine, images
from lab.errors import LabError
from lab.host.runtime import HostRuntime

NOWHERE = "unix:///nowhere/docker.sock"


@pytest.fixture(autouse=True)
def no_lab_runs(monkeypatch):
    """Nothing of this checkout's own lab is seen, should it run."""
    monkeypatch.setattr(HostRuntime, "is_running", lambda self: False)


@pytest.fixture
def no_docker(monkeypatch, tmp_path):
    """A machine without a docker command."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_docker_the_lab_runs_on_the_host_and_says_why(no_docker):
    chosen, why = runtimes.choose({})

    assert (chosen.name, why) == ("host", "there is no docker command")


def test_compose_that_is_asked_for_and_cannot_be_had_is_refused(no_docker):
    with pytest.raises(LabError, match="RUNTIME is compose, but there is no docker command: start a Docker engine"):
        runtimes.choose({"RUNTIME": "compose"})


@pytest.mark.skipif(engine.why_not() != "", reason=f"Compose cannot be used here: {engine.why_not()}")
def test_with_an_engine_the_lab_runs_in_containers():
    chosen, why = runtimes.choose({})

    assert (chosen.name, why.partition(";")[0]) == ("compose", "a Docker engine answers")


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker command to ask with")
def test_an_engine_that_does_not_answer_is_said_so(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)

    assert engine.why_not() in ("no Docker engine answers", "docker has no compose plugin of version 2")
    assert engine.containers() == {}
    chosen, why = runtimes.choose({})
    assert (chosen.name, why) == ("host", engine.why_not())


def test_the_host_is_taken_when_it_is_asked_for():
    assert runtimes.choose({"RUNTIME": "host"})[0].name == "host"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "#12 0.2 E: Failed to fetch http://mirror/x  Could not connect\n#12 ERROR: exit code: 100\nfailed to solve",
            "E: Failed to fetch http://mirror/x  Could not connect",
        ),
        (
            "#9 3.1 ERROR: Could not find a version that satisfies the requirement django==5.2.19\n#9 ERROR: code 1",
            "ERROR: Could not find a version that satisfies the requirement django==5.2.19",
        ),
        ("failed to solve: python:3.13: not found", "failed to solve: python:3.13: not found"),
        ("one\ntwo\n", "two"),
        ("", "it gave no reason"),
    ],
    ids=["apt", "pip", "base image", "last line", "nothing"],
)
def test_the_reason_of_a_failed_build_is_the_line_that_says_most(log, reason):
    assert images.reason(log) == reason


def test_the_later_of_two_times_of_the_engine_is_greater():
    def started(time: str) -> str:
        state = {"Status": "running", "ExitCode": 0, "StartedAt": time}
        config = {"Labels": {"com.docker.compose.service": "app"}, "Image": "pomar/app"}
        found = {"Id": "1", "State": state, "Config": config, "HostConfig": {"NetworkMode": "container:2"}}
        return engine.Container.from_inspect(found).started_at

    times = ["2026-11-24T10:00:00Z", "2026-11-24T10:00:00.49Z", "2026-11-24T10:00:00.5Z", "2026-11-24T10:00:00.51Z"]

    assert sorted(map(started, times)) == [started(time) for time in times]
    assert len(set(map(started, times))) == len(times)
