"""Installing, changing and removing the release keeps what it must and leaves nothing else behind."""

import json

import pytest

from lab.errors import LabError
from lab.runtimes.kubernetes.runtime import CHECKOUT, NAMESPACE
from lab.runtimes.kubernetes.values import CHART
from tests.live.kubernetes.test_pods import settled

#: What Kubernetes itself puts into every namespace.
OF_KUBERNETES = ("kube-root-ca.crt", "default")
KINDS = "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,roles,rolebindings,networkpolicies"
ORDERS = "from checkout.models import Order; print(Order.objects.count())"


def orders(runtime) -> int:
    return int(runtime.manage("shell", "--command", ORDERS).splitlines()[-1])


def test_down_leaves_only_the_data_and_up_continues_with_it(runtime, shopped, kubectl):
    placed = orders(runtime)
    assert placed > 0
    passwords = kubectl.get("secrets", "--field-selector=metadata.name=pomar-secrets")[0]["data"]

    runtime.down()
    left = [
        f"{each['kind']}/{each['metadata']['name']}"
        for each in kubectl.get(KINDS)
        if not each["metadata"]["name"].startswith(OF_KUBERNETES)
    ]
    runtime.up()

    assert sorted(left) == [
        "PersistentVolumeClaim/data-pomar-alertmanager-0",
        "PersistentVolumeClaim/data-pomar-postgres-0",
        "PersistentVolumeClaim/data-pomar-prometheus-0",
        "Secret/pomar-authority",
        "Secret/pomar-secrets",
        "Secret/pomar-tls",
    ]
    assert orders(runtime) == placed
    assert kubectl.get("secrets", "--field-selector=metadata.name=pomar-secrets")[0]["data"] == passwords


def test_a_second_up_replaces_no_pod(runtime):
    before = settled(runtime)

    runtime.up()

    assert settled(runtime) == before


def test_a_second_release_in_the_namespace_is_refused(runtime, kubectl):
    values = [f"--values={file}" for file in runtime.value_files]

    try:
        with pytest.raises(LabError, match=r'`helm install` failed: .*ConfigMap "pomar-only-release" .+ exists'):
            kubectl.helm("install", "second", str(CHART), *values)
    finally:
        kubectl.helm("uninstall", "second", "--ignore-not-found")
    assert [each["name"] for each in json.loads(kubectl.helm("list", "--output=json"))] == ["pomar"]


def test_a_namespace_that_is_not_the_labs_is_left_alone(runtime, kubectl):
    (found,) = kubectl.get("namespaces", f"--field-selector=metadata.name={NAMESPACE}")
    checkout = found["metadata"]["annotations"][CHECKOUT]
    try:
        kubectl("annotate", "namespace", NAMESPACE, f"{CHECKOUT}-")
        with pytest.raises(LabError, match=r"the namespace pomar-lab in .+ has no annotation"):
            runtime.clean()
        kubectl("annotate", "namespace", NAMESPACE, f"{CHECKOUT}=/another/checkout")
        with pytest.raises(LabError, match=r"the lab of another checkout uses the namespace .+ in /another/checkout"):
            runtime.up()
    finally:
        kubectl("annotate", "--overwrite", "namespace", NAMESPACE, f"{CHECKOUT}={checkout}")
    assert runtime.is_running()
