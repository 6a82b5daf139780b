"""Fixtures for the live tests. They use the running lab, or start one and stop it afterwards."""

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import pytest

from lab.runs import load
from lab.runtimes import choose
from lab.runtimes.base import Runtime
from tests.kubernetes.cluster import Cluster
from tests.live.observer import Observer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the container tests last: they break the lab on purpose, and that resets counters."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent / "compose"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """The cluster for ``RUNTIME=kubernetes``: that in ``KUBE_CONTEXT``, or one that is built from Debian packages."""
    if os.environ.get("RUNTIME") != "kubernetes" or os.environ.get("KUBE_CONTEXT"):
        yield
        return
    own = Cluster()
    with nullcontext() if own.is_running() else own, patch.dict(os.environ, own.environment()):
        yield


@pytest.fixture(scope="session")
def runtime(cluster: None) -> Iterator[Runtime]:
    """The runtime to test, with its lab running. ``RUNTIME`` selects it; the default is ``host``."""
    chosen, _ = choose.choose({"RUNTIME": "host", **os.environ})
    choose.refuse_other(chosen)
    if chosen.is_running():
        yield chosen
        return
    chosen.up()
    yield chosen
    chosen.down()


@pytest.fixture(autouse=True)
def one_runtime(request: pytest.FixtureRequest, runtime: Runtime) -> None:
    """Skip a test that is marked for another runtime, unless ``--thorough`` is given."""
    mark = request.node.get_closest_marker("one_runtime")
    if mark and runtime.name not in mark.args and not request.config.getoption("thorough"):
        pytest.skip(f"runs on {mark.args[0]} only; `make test THOROUGH=1` also runs it on {runtime.name}")


@pytest.fixture(scope="session")
def observer(runtime: Runtime) -> Observer:
    """The lab as seen from outside."""
    return Observer(runtime)


@pytest.fixture(scope="session")
def shopped(runtime: Runtime, observer: Observer) -> dict:
    """The result of a smoke run, with the path of its file and two Unix times, ``before`` and ``after`` the run.

    At both times, every target had just been scraped and every rule evaluated.
    """
    before = observer.settled_at()
    code, result = load.shop(runtime, "smoke", {"SEED": "7"})
    assert code == 0, "the smoke run failed: its summary is above"
    after = observer.settled_at()
    return {**json.loads(result.read_text()), "before": before, "after": after, "file": result}
