"""The cluster for the tests: the one that ``KUBE_CONTEXT`` names, or one that is built from Debian packages."""

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from lab.errors import LabError
from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes import programs
from tests.kubernetes import build
from tests.kubernetes.cluster import CONTEXT, Cluster
from tests.kubernetes.kubectl import Kubectl


@pytest.fixture(scope="session")
def can_run_cluster() -> None:
    """Skip the tests if this machine cannot run the cluster that is built from Debian packages; in CI, fail them."""
    if chosen := os.environ.get("KUBE_CONTEXT"):
        pytest.skip(f"not on {chosen}: needs the cluster that is built from Debian packages")
    try:
        build.check()
    except LabError as error:
        if os.environ.get("CI"):
            pytest.fail(error.message, pytrace=False)
        pytest.skip(f"{error.message} Or set KUBE_CONTEXT to a context of kubectl.")


@pytest.fixture(scope="session")
def own_cluster(can_run_cluster: None) -> Iterator[Cluster]:
    """The cluster built from Debian packages: a running one, or one that is stopped afterwards."""
    cluster = Cluster()
    if cluster.is_running():
        yield cluster
        return
    with cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubectl(request: pytest.FixtureRequest) -> Kubectl:
    """kubectl for the context in ``KUBE_CONTEXT``. Without that setting, it is for the cluster built here."""
    if chosen := os.environ.get("KUBE_CONTEXT"):
        listed = [programs.find("kubectl"), "config", "get-contexts", "--output=name"]
        contexts = subprocess.run(listed, env=for_tools(), capture_output=True, text=True).stdout.split()
        if chosen not in contexts:
            pytest.fail(f"kubectl knows no context {chosen}, which KUBE_CONTEXT names.", pytrace=False)
        return Kubectl(chosen)
    return Kubectl(CONTEXT, request.getfixturevalue("own_cluster").kubeconfig)


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace that is deleted after the module."""
    name = f"pomar-test-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    yield kubectl.within(name)
    kubectl("delete", "namespace", name, "--wait=false")
