"""A running lab for the live tests: one that is already running, or one that is started and stopped for them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.runs import load
from lab.runtimes import choose
from lab.runtimes.base import Runtime
from tests.live.observer import Observer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of containers last, because they break the lab on purpose, which resets counters."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent / "compose"))


@pytest.fixture(scope="session")
def runtime() -> Iterator[Runtime]:
    """The runtime of a running lab: the one in ``RUNTIME``, by default the host runtime."""
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
    """Skip a test that is left to another runtime, unless ``--thorough`` is given."""
    mark = request.node.get_closest_marker("one_runtime")
    if mark and runtime.name not in mark.args and not request.config.getoption("thorough"):
        pytest.skip(f"run on {mark.args[0]}; `make test THOROUGH=1` runs it on {runtime.name} too")


@pytest.fixture(scope="session")
def observer(runtime: Runtime) -> Observer:
    """An observer of the lab: its addresses and Prometheus's data."""
    return Observer(runtime)


@pytest.fixture(scope="session")
def shopped(runtime: Runtime, observer: Observer) -> dict:
    """The result of one smoke run, with the Unix times ``before`` and ``after`` it when everything had been scraped."""
    before = observer.settled_at()
    code, result = load.shop(runtime, "smoke", {"SEED": "7"})
    assert code == 0, "the smoke run failed: its summary is above"
    after = observer.settled_at()
    return {**json.loads(result.read_text()), "before": before, "after": after, "file": result}
