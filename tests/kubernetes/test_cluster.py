"""The cluster behaves as a real one does: Services, volumes, logs, commands in containers, and graceful deletion."""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from lab.runtimes.environment import for_tools
from tests.eventually import eventually
from tests.kubernetes import build, images
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.kubectl import Kubectl

IMAGE = "localhost/pomar/tests/busybox:1"
BUSYBOX = "/bin/busybox"
GREETING = "Olá from a ConfigMap"
PASSWORD = "only in a Secret"
USER = 10001
READY_SECONDS = 90
#: Serves the ConfigMap's folder. On SIGTERM, it writes two lines, a second apart.
SERVER = f"""
echo serving as user $({BUSYBOX} id -u)
{BUSYBOX} httpd -f -p 8080 -h /config &
trap 'echo stopping; {BUSYBOX} sleep 1; echo stopped; exit 0' TERM
wait
"""


def container(script: str, **more: object) -> dict:
    """Return a container that runs a shell script in the test image, without privileges."""
    return {
        "name": "main",
        "image": IMAGE,
        "command": [BUSYBOX, "sh", "-c", script],
        "resources": {"limits": {"memory": "32Mi", "cpu": "200m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **more,
    }


def pod(name: str, container: dict, volumes: tuple[dict, ...] = (), **more: object) -> dict:
    """Return a pod with one container that runs as ``USER``."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "volumes": list(volumes),
            "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
            **more,
        },
    }


def service(name: str, **more: object) -> dict:
    """Return a Service for the pod ``web``."""
    port = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": [port], **more},
    }


WEB = pod(
    "web",
    container(
        SERVER,
        ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        readinessProbe={"httpGet": {"path": "/greeting", "port": "http"}, "periodSeconds": 1},
        volumeMounts=[
            {"name": "config", "mountPath": "/config"},
            {"name": "secret", "mountPath": "/secret"},
            {"name": "data", "mountPath": "/data"},
        ],
    ),
    (
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "secret", "secret": {"secretName": "secret", "defaultMode": 0o440}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ),
    terminationGracePeriodSeconds=30,
)
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
OBJECTS = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"greeting": GREETING}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secret"}, "stringData": {"password": PASSWORD}},
    CLAIM,
    WEB,
    pod("client", container(f"exec {BUSYBOX} sleep 3600"), terminationGracePeriodSeconds=1),
    service("web"),
    service("headless", clusterIP="None"),
)


@pytest.fixture(scope="module")
def image(own_cluster: Cluster) -> Iterator[None]:
    """An image that contains only BusyBox: created in the Docker engine and loaded into the cluster."""
    layer = images.layer({BUSYBOX.lstrip("/"): build.binaries() / "busybox"})
    subprocess.run(["docker", "import", "-", IMAGE], env=for_tools(), input=layer, capture_output=True, check=True)
    own_cluster.load(IMAGE)
    yield
    subprocess.run(["docker", "image", "rm", IMAGE], env=for_tools(), capture_output=True, check=True)


@pytest.fixture(scope="module")
def pods(image: None, namespace: Kubectl) -> Kubectl:
    """kubectl in a namespace with two running pods: ``web``, which has two Services, and ``client``."""
    namespace("apply", "-f", "-", said="\n---\n".join(map(json.dumps, OBJECTS)))
    namespace("wait", "--for=condition=Ready", "pod", "--all", f"--timeout={READY_SECONDS}s")
    return namespace


def fetch(kubectl: Kubectl, client: str, host: str) -> str:
    """Return the response to a request for the greeting, sent from a pod."""
    return kubectl("exec", client, "--", BUSYBOX, "wget", "-q", "-T", "5", "-O", "-", f"http://{host}/greeting")


@pytest.mark.parametrize("domain", ["", ".{namespace}", ".{namespace}.svc", ".{namespace}.svc.cluster.local"])
def test_a_pod_is_reachable_by_each_form_of_its_services_name(pods, domain):
    assert fetch(pods, "client", "web" + domain.format(namespace=pods.namespace)) == GREETING


def test_a_headless_service_has_the_addresses_of_its_pods(pods):
    address = pods("get", "pod", "web", "--output=jsonpath={.status.podIP}")

    assert f"Address: {address}\n" in pods("exec", "client", "--", BUSYBOX, "nslookup", "headless." + domain_of(pods))
    assert fetch(pods, "client", "headless:8080") == GREETING


def domain_of(kubectl: Kubectl) -> str:
    """Return the DNS domain of the namespace's Services."""
    return f"{kubectl.namespace}.svc.cluster.local"


def test_a_pod_reaches_itself_through_its_service(pods):
    assert fetch(pods, "web", "web") == GREETING


def test_a_pod_reaches_the_api_server(pods):
    pods("exec", "client", "--", BUSYBOX, "nc", "-z", "-w", "5", "kubernetes.default.svc", "443")


def test_a_name_without_a_service_does_not_resolve(pods):
    with pytest.raises(AssertionError, match=r"can't resolve|bad address"):
        fetch(pods, "client", "missing")


def test_the_log_has_what_a_container_writes(pods):
    assert pods("logs", "web") == f"serving as user {USER}\n"


def test_a_secret_is_readable_only_by_the_group_of_the_pod(pods):
    assert pods("exec", "web", "--", BUSYBOX, "cat", "/secret/password") == PASSWORD
    assert pods("exec", "web", "--", BUSYBOX, "stat", "-L", "-c", "%a %g", "/secret/password") == f"440 {USER}\n"


def test_a_container_can_write_to_its_volume_and_nowhere_else(pods):
    pods("exec", "web", "--", BUSYBOX, "sh", "-c", "echo kept >/data/file")

    assert pods("exec", "web", "--", BUSYBOX, "cat", "/data/file") == "kept\n"
    with pytest.raises(AssertionError, match="Read-only file system"):
        pods("exec", "web", "--", BUSYBOX, "sh", "-c", "echo lost >/file")


def test_a_container_that_needs_too_much_memory_is_killed(pods):
    hungry = pod("hungry", container(f"{BUSYBOX} tail /dev/zero"), restartPolicy="Never")
    pods("apply", "-f", "-", said=json.dumps(hungry))

    state = eventually(
        lambda: (
            json.loads(pods("get", "pod", "hungry", "--output=json"))["status"]
            .get("containerStatuses", [{}])[0]
            .get("state", {})
            .get("terminated")
        ),
        because="the container is killed",
        timeout=READY_SECONDS,
    )

    assert state["exitCode"] == 137


def test_a_deleted_pod_has_time_to_stop(pods):
    follow = subprocess.Popen(
        pods.command("logs", "--follow", "web"), env=for_tools(), stdout=subprocess.PIPE, text=True
    )
    assert follow.stdout.readline() == f"serving as user {USER}\n"

    began = time.monotonic()
    pods("delete", "pod", "web")

    assert follow.communicate(timeout=30)[0] == "stopping\nstopped\n"
    assert 1 < time.monotonic() - began < WEB["spec"]["terminationGracePeriodSeconds"]
