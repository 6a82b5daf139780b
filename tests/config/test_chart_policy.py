"""Every pod of the Helm chart follows the policy, and the policy notices everything that is removed from a pod."""

import copy
from collections.abc import Iterator

import kubernetes_validate
import pytest

from tests.config.chart import EVERYTHING, PRESETS, container, containers, pods, render, shop_pod
from tests.config.policy import violations

#: The oldest supported version of Kubernetes, the newest one that the schemas cover, and one in between.
VERSIONS = ("1.30", "1.33", kubernetes_validate.latest_version().rpartition(".")[0])
SETS = {"defaults": {}, "everything": {"values": EVERYTHING}, **{preset: {"preset": preset} for preset in PRESETS}}


@pytest.fixture(params=SETS)
def objects(request: pytest.FixtureRequest) -> list[dict]:
    """All objects for one set of values."""
    return render(**SETS[request.param])


def test_every_pod_follows_the_policy(objects):
    assert violations(objects) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_matches_the_schema_of_the_kubernetes_api(objects, version):
    # test_chart_monitoring_operators.py checks the types of operators.
    for each in (each for each in objects if not each["apiVersion"].startswith("monitoring.")):
        assert kubernetes_validate.validate(each, version, strict=True) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("field", "value"), [("kind", "Deploiment"), ("apiVersion", "apps/v1beta1"), ("status2", 1)])
def test_an_unknown_kind_version_or_field_does_not_match(version, field, value):
    (deployment, *_) = (each for each in render() if each["kind"] == "Deployment")

    with pytest.raises((kubernetes_validate.SchemaNotFoundError, kubernetes_validate.ValidationError)):
        kubernetes_validate.validate({**deployment, field: value}, version, strict=True)


#: What must not be missing from a container, by path.
IN_CONTAINERS = (
    *(("securityContext",), ("resources",), ("imagePullPolicy",)),
    *(("securityContext", field) for field in ("runAsUser", "runAsGroup", "runAsNonRoot", "allowPrivilegeEscalation")),
    *(("securityContext", field) for field in ("readOnlyRootFilesystem", "capabilities", "seccompProfile")),
    *(("resources", kind, resource) for kind in ("requests", "limits") for resource in ("cpu", "memory")),
)
IN_PODS = (
    *(("spec", "securityContext"), ("spec", "enableServiceLinks"), ("spec", "volumes")),
    *(("spec", "securityContext", "runAsNonRoot"), ("spec", "securityContext", "seccompProfile")),
)


def without(objects: list[dict]) -> Iterator[tuple[str, list[dict]]]:
    """Yield copies of all objects that each lack one thing, and what that is."""

    def shortened(pod_number: int, container_number: int | None, path: tuple[str | int, ...]) -> list[dict]:
        changed = copy.deepcopy(objects)
        pod = [pod for _, pod in pods(changed)][pod_number]
        place = pod if container_number is None else list(containers(pod))[container_number]
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        return changed

    for number, (name, pod) in enumerate(pods(objects)):
        for path in IN_PODS:
            if path != ("spec", "volumes") or "volumes" in pod["spec"]:
                yield f"{name} {path}", shortened(number, None, path)
        if "prometheus.io/scrape" in pod["metadata"].get("annotations", {}):
            path = ("metadata", "annotations", "prometheus.io/scrape")
            yield f"{name} {path}", shortened(number, None, path)
        for which, each in enumerate(containers(pod)):
            ports = each.get("ports", [])
            own = [("ports", index, "protocol") for index in range(len(ports))]
            own += [("ports", index, "name") for index, port in enumerate(ports) if port["name"] == "metrics"]
            own += [("livenessProbe",)] if "livenessProbe" in each else []
            for path in (*IN_CONTAINERS, *own):
                yield f"{name} {each['name']} {path}", shortened(number, which, path)


def test_the_policy_notices_everything_that_is_removed():
    changes = list(without(render(EVERYTHING)))

    assert len(changes) > 200
    assert [what for what, objects in changes if not violations(objects)] == []


def app(pod: dict) -> dict:
    return container(pod, "app")


def nginx(pod: dict) -> dict:
    return container(pod, "nginx")


ADDED = {
    "hostNetwork": lambda pod: pod["spec"].update(hostNetwork=True),
    "the volume x is of type hostPath": lambda pod: pod["spec"]["volumes"].append({"name": "x", "hostPath": {}}),
    "the volume x is not used": lambda pod: pod["spec"]["volumes"].append({"name": "x", "emptyDir": {}}),
    "the volume x is missing": lambda pod: app(pod)["volumeMounts"].append({"name": "x"}),
    "app: the image nginx has no exact version": lambda pod: app(pod).update(image="nginx"),
    "app: the image a:1/nginx:latest has no exact version": lambda pod: app(pod).update(image="a:1/nginx:latest"),
    "app: has a port of the node": lambda pod: app(pod)["ports"][0].update(hostPort=80),
    "app: the ports named metrics are [80]": lambda pod: app(pod)["ports"][0].update(containerPort=80),
    "nginx: the ports named metrics are [8443]": lambda pod: nginx(pod)["ports"][0].update(name="metrics"),
    "app: is privileged": lambda pod: app(pod)["securityContext"].update(privileged=True),
    "app: runAsUser is root": lambda pod: app(pod)["securityContext"].update(runAsUser=0),
    "nginx: its liveness depends on other services": lambda pod: nginx(pod)["livenessProbe"].update(path="/ready"),
}


@pytest.mark.parametrize(("rule", "change"), ADDED.items(), ids=ADDED)
def test_the_policy_notices_what_is_added(rule, change):
    objects = render()
    change(shop_pod(objects))

    assert f"Deployment/pomar: {rule}" in violations(objects)
