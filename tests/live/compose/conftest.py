"""Fixtures for the tests that need containers. On the host runtime, these tests are skipped."""

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from lab.runtimes import choose
from lab.runtimes.compose import engine
from lab.runtimes.compose.engine import Container
from tests.eventually import eventually


@pytest.fixture(autouse=True, scope="session")
def containers_only() -> None:
    """Skip the tests if the runtime has no containers."""
    chosen, _ = choose.choose({"RUNTIME": "host", **os.environ})
    if "containers" not in chosen.provides:
        pytest.skip(f"not on {chosen.name}: needs containers")


@pytest.fixture(scope="module")
def inspected(runtime) -> dict[str, dict]:
    """The output of ``docker inspect`` for each of the lab's containers, by service, including exited ones.

    IP addresses change with restarts, so each module inspects the containers again.
    """
    ids = [container.id for container in engine.containers().values()]
    found = json.loads(engine.docker("inspect", *ids).stdout)
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


@pytest.fixture
def kill_first_process(inspected) -> Callable[..., None]:
    """A function that kills the main process of each given container from the host, as the kernel's OOM killer would.

    It does not use ``docker kill``, after which the engine would not restart the container.
    """
    image = inspected["app"]["Config"]["Image"]

    def kill(*containers: Container) -> None:
        ids = [container.id for container in containers]
        pids = engine.docker("inspect", "--format", "{{.State.Pid}}", *ids).stdout.replace("\n", " ")
        options = ["--rm", "--pid=host", "--network=none", "--user=0:0", "--cap-drop=ALL", "--cap-add=KILL"]
        engine.docker("run", *options, "--entrypoint=sh", image, "-c", f"kill -9 {pids}")

    return kill


def comes_back(before: Container) -> Container:
    """Wait until the engine has restarted a killed container, and return its new state."""

    def again() -> Container | None:
        now = engine.containers()[before.service]
        return now if now.state == "running" and now.started_at > before.started_at else None

    return eventually(again, because=f"the engine restarts {before.service}", timeout=20)


def in_container(service: str, *command: str) -> subprocess.CompletedProcess:
    """Run a command in a service's container and return the result, whatever its exit code."""
    container = engine.containers()[service].id
    return subprocess.run(["docker", "exec", container, *command], capture_output=True, text=True)


def sql(statement: str) -> list[list[str]]:
    """Run a statement as the database administrator and return its rows."""
    psql = ["psql", "--username=admin", "--dbname=shop", "--no-align", "--tuples-only", "--command", statement]
    done = in_container("postgres", *psql)
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]
