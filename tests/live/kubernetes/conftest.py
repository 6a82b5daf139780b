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
