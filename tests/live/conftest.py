"""A running lab for the live tests: the one that runs already, or one that is started and stopped for them."""

import json
import os
from collections.abc import Iterator

import pytest

from lab import load, settings
from lab.host.runtime import HostRuntime
from tests.live.observer import Observer


@pytest.fixture(scope="session")
def runtime() -> Iterator[HostRuntime]:
    """The runtime of a lab that works."""
    host = HostRuntime(settings.load(os.environ))
    if host.is_running():
        yield host
        return
    host.up()
    yield host
    host.down()


@pytest.fixture(scope="session")
def observer(runtime: HostRuntime) -> Observer:
    """What can be seen of the lab: its addresses, and what Prometheus knows."""
    return Observer(runtime.settings)


@pytest.fixture(scope="session")
def shopped(runtime: HostRuntime, observer: Observer) -> dict:
    """The result of one smoke run, with the unix times ``before`` and ``after`` it at which all had been scraped."""
    before = observer.settled_at()
    code, result = load.shop(runtime, "smoke", {"SEED": "7"})
    assert code == 0, "the smoke run failed: its summary is above"
    after = observer.settled_at()
    return {**json.loads(result.read_text()), "before": before, "after": after}
