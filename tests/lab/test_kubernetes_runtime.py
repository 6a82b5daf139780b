"""The Kubernetes runtime without a cluster: its settings, the state of its objects, and its errors."""

import json
import os

import pytest

from lab.errors import LabError
from lab.runtimes import choose
from lab.runtimes.kubernetes import images, kubectl
from lab.runtimes.kubernetes.kubectl import Kubectl
from lab.runtimes.kubernetes.objects import Objects
from lab.runtimes.kubernetes.runtime import KubernetesRuntime

COMPONENT = "app.kubernetes.io/component"


def deployment(wanted: int = 1, **status: int) -> dict:
    status = {"observedGeneration": 2, "updatedReplicas": wanted, **status}
    metadata = {"name": "pomar", "generation": 2, "labels": {COMPONENT: "web"}}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": wanted}, "status": status}


def pod(name: str = "pomar-1", ready: bool = True, deleted: bool = False, **state: dict) -> dict:
    metadata = {"name": name, "labels": {COMPONENT: "web"}} | ({"deletionTimestamp": "now"} if deleted else {})
    container = {"name": "nginx", "ready": ready, "restartCount": 0, "state": state or {"running": {}}}
    return {"kind": "Pod", "metadata": metadata, "status": {"containerStatuses": [container]}}


def waiting(reason: str, restarts: int = 0) -> dict:
    found = pod(ready=False, waiting={"reason": reason})
    found["status"]["containerStatuses"][0]["restartCount"] = restarts
    return found


@pytest.mark.parametrize(
    ("found", "state", "problem"),
    [
        ([], "stopped", "not installed"),
        ([deployment(0)], "stopped", "not running"),
        ([deployment(), pod()], "1 of 1 ready", ""),
        ([deployment(2), pod("a"), pod("b")], "2 of 2 ready", ""),
        ([deployment(2), pod("a")], "1 of 1 ready", "1 pods, but 2 are wanted"),
        ([deployment(), pod("old", deleted=True), pod("new")], "1 of 1 ready", ""),
        ([deployment(observedGeneration=1), pod()], "1 of 1 ready", "is being updated"),
        ([deployment(2, updatedReplicas=1), pod("a"), pod("b")], "2 of 2 ready", "1 of 2 pods are up to date"),
        ([deployment(), pod(ready=False)], "0 of 1 ready", "running, not ready yet"),
        ([deployment(), waiting("CrashLoopBackOff")], "0 of 1 ready", "CrashLoopBackOff"),
        ([deployment(), pod(ready=False, terminated={"reason": "OOMKilled"})], "0 of 1 ready", "OOMKilled"),
    ],
)
def test_the_state_of_a_service_is_that_of_its_container_in_all_pods(found, state, problem):
    objects = Objects(found)

    assert (objects.state("web", "nginx"), objects.problem("web", "nginx")) == (state, problem)


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        (pod(), False),
        (waiting("ContainerCreating"), False),
        (waiting("CrashLoopBackOff", restarts=2), False),
        (waiting("CrashLoopBackOff", restarts=3), True),
        (waiting("ErrImagePull"), True),
        (waiting("ErrImageNeverPull"), True),
    ],
)
def test_a_start_fails_early_only_if_waiting_is_of_no_use(found, failed):
    reason = found["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")

    assert Objects([found]).failure() == (("pomar-1", "nginx", reason) if failed else None)


def test_a_job_that_has_not_finished_is_waited_for():
    job = {"kind": "Job", "metadata": {"name": "a", "labels": {COMPONENT: "migrate"}}, "status": {"active": 1}}
    done = {**job, "status": {"succeeded": 1}}

    assert [Objects(jobs).job_problem("migrate") for jobs in ([], [job], [done], [done, job])] == [
        *("not finished", "not finished", ""),
        "not finished",
    ]


@pytest.mark.parametrize(
    ("context", "variables", "said"),
    [
        ("kind-lab", {}, "with `kind load docker-image --name=lab`"),
        ("k3d-lab", {}, "with `k3d image import --cluster=lab`"),
        ("minikube", {}, "with `minikube image load --profile=minikube`"),
        ("docker-desktop", {}, "not needed, because the cluster uses this Docker engine"),
        ("kind-lab", {"IMAGE_REGISTRY": "registry.example:5000"}, "pushed to registry.example:5000"),
        ("prod", {"IMAGE_LOADER": "load.sh"}, "with the command in IMAGE_LOADER"),
    ],
)
def test_images_get_into_each_kind_of_cluster(context, variables, said):
    assert images.how(context, variables) == said


def test_a_cluster_that_cannot_get_images_is_refused_with_the_two_ways():
    with pytest.raises(LabError, match=r"how to copy images to prod: set IMAGE_REGISTRY .+, or IMAGE_LOADER"):
        images.how("prod", {})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-program", "no-such-program, which copies images to the cluster, is not installed."),
        ("sh -c 'echo no space >&2; exit 1'", "`sh` cannot copy images to the cluster: no space"),
    ],
)
def test_a_command_that_cannot_copy_images_is_reported(monkeypatch, command, said):
    monkeypatch.setattr(images, "_tagged", lambda image, registry: image)

    with pytest.raises(LabError) as error:
        images.hand_over({"app": "localhost/a:1"}, "prod", {"IMAGE_LOADER": command}, set())

    assert error.value.message == said


def test_only_images_that_were_built_here_and_are_missing_are_copied(monkeypatch, tmp_path):
    copied = tmp_path / "copied"
    monkeypatch.setattr(images, "_tagged", lambda image, registry: f"{image}-id")
    wanted = {
        "app": "localhost/app:1",
        "nginx": "nginx:1.30",
        "prepare": "localhost/load:1",
        "receiver": "localhost/load:1",
    }

    given = images.hand_over(wanted, "prod", {"IMAGE_LOADER": f"sh -c 'echo $0 $@ > {copied}'"}, {"localhost/app:1-id"})

    assert given == {
        "app": "localhost/app:1-id",
        "nginx": "nginx:1.30",
        **dict.fromkeys(("prepare", "receiver"), "localhost/load:1-id"),
    }
    assert copied.read_text() == "localhost/load:1-id\n"


def test_a_cluster_must_be_named():
    chosen, why = choose.choose({"RUNTIME": "kubernetes"})

    assert why == "RUNTIME=kubernetes is set"
    with pytest.raises(LabError, match=r"^KUBE_CONTEXT is missing: set it to a name that"):
        chosen.checks()[0].run()


def test_a_running_lab_is_found_without_any_variable(monkeypatch):
    KubernetesRuntime.running_settings.write_text(json.dumps({"KUBE_CONTEXT": "kind-lab"}))
    monkeypatch.setattr(Kubectl, "get", lambda self, *arguments: [{"context": self.context}])

    chosen, why = choose.choose({})

    assert (chosen.name, chosen.context, why) == ("kubernetes", "kind-lab", "it is already running")
    with pytest.raises(LabError, match=r"the lab is running on Kubernetes: stop it first with `make down RUNTIME"):
        choose.refuse_other(choose.choose({"RUNTIME": "host"})[0])


@pytest.fixture
def no_cluster(tmp_path) -> Kubectl:
    """kubectl with a context whose API server does not exist."""
    cluster = {"server": "https://127.0.0.1:1"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": cluster}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "someone"}}],
        # Without credentials, kubectl would ask for a name and a password.
        "users": [{"name": "someone", "user": {"token": "none"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return Kubectl("gone", kubeconfig=tmp_path / "config")


def test_a_cluster_that_does_not_respond_is_reported_in_one_sentence(no_cluster):
    with pytest.raises(LabError, match=r"^`kubectl get` failed: .*127\.0\.0\.1:1.*refused"):
        no_cluster.get("pods")
    with pytest.raises(ConnectionError, match=r"refused"):
        no_cluster.page("/version")


def test_an_unknown_context_is_reported_by_kubectl(tmp_path):
    (tmp_path / "config").write_text("")

    with pytest.raises(LabError, match=r'`kubectl version` failed: error: context "none" does not exist'):
        Kubectl("none", kubeconfig=tmp_path / "config")("version")


def test_a_command_that_hangs_is_ended(monkeypatch, tmp_path):
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(kubectl, "SECONDS", 0.2)

    with pytest.raises(LabError, match=r"`kubectl get` was stopped after 0\.2 s"):
        Kubectl("any").get("pods")


def test_a_missing_file_of_values_is_refused():
    chosen, _ = choose.choose({"RUNTIME": "kubernetes", "KUBE_CONTEXT": "kind-lab", "KUBE_VALUES": "/none.yaml"})

    (check,) = (each for each in chosen.checks() if each.name == "values")
    with pytest.raises(LabError, match=r"KUBE_VALUES is '/none\.yaml', which is not a file: correct or unset it"):
        check.run()


def test_a_cluster_that_is_gone_can_be_forgotten():
    KubernetesRuntime.running_settings.write_text(json.dumps({"KUBE_CONTEXT": "gone"}))

    with pytest.raises(
        LabError, match=r"started in the cluster gone, which cannot be read .+: start the cluster, or delete"
    ):
        choose.choose({})
