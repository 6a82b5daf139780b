"""Fixtures for the tests that need a Kubernetes cluster. On the other runtimes, these tests are skipped."""

import os

import pytest

from lab.runtimes.kubernetes.kubectl import Kubectl


@pytest.fixture(autouse=True, scope="session")
def kubernetes_only() -> None:
    """Skip the tests on another runtime."""
    if os.environ.get("RUNTIME") != "kubernetes":
        pytest.skip("needs RUNTIME=kubernetes")


@pytest.fixture(scope="session")
def kubectl(runtime) -> Kubectl:
    """kubectl for the lab's namespace."""
    return runtime.kubectl


@pytest.fixture
def thorough_only(request: pytest.FixtureRequest) -> None:
    """Skip a slow test, unless ``--thorough`` is given."""
    if not request.config.getoption("thorough"):
        pytest.skip("slow: `make test RUNTIME=kubernetes THOROUGH=1` also runs it")
