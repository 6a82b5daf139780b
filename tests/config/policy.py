"""Rules for every pod of the Helm chart, among them Kubernetes's Pod Security Standard "restricted"."""

from collections.abc import Iterator

from tests.config.chart import containers, pods

#: Where metrics are served, by container.
METRICS_PORTS = {
    "app": 8001,
    "uwsgi-exporter": 9117,
    "nginx-exporter": 9113,
    "access-log-exporter": 3903,
    "postgres-exporter": 9187,
    "redis-exporter": 9121,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
}
#: The standard allows these types of volumes.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(objects: list[dict]) -> list[str]:
    """Return one line for each rule that an object breaks."""
    found = []
    for name, pod in pods(objects):
        found += [f"{name}: {rule}" for rule in (*_pod(name, pod), *_volumes(name, pod))]
        for container in containers(pod):
            found += [f"{name}: {container['name']}: {rule}" for rule in (*_restricted(container), *_limits(container))]
        if name.startswith(("Deployment/", "StatefulSet/")):
            for container in pod["spec"]["containers"]:
                found += [f"{name}: {container['name']}: {rule}" for rule in _long_running(container)]
    return found


def _pod(name: str, pod: dict) -> Iterator[str]:
    spec, metadata = pod["spec"], pod["metadata"]
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True:
        yield "may run as root"
    if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    for field in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        if spec.get(field):
            yield field
    if spec.get("enableServiceLinks") is not False:
        yield "Services set environment variables"
    if "automountServiceAccountToken" not in spec and "serviceAccountName" not in spec:
        yield "has a token for the Kubernetes API"
    scraped = metadata.get("annotations", {}).get("prometheus.io/scrape") == "true"
    serves = any(each["name"] in METRICS_PORTS for each in spec["containers"])
    if scraped != serves:
        yield "is scraped" if scraped else "is not scraped"


def _volumes(name: str, pod: dict) -> Iterator[str]:
    spec = pod["spec"]
    defined = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = {mount["name"] for each in containers(pod) for mount in each.get("volumeMounts", [])}
    # A StatefulSet's own volume is not part of its pod.
    claimed = {"data"} if name.startswith("StatefulSet/") else set()
    yield from (f"the volume {volume} is missing" for volume in mounted - defined - claimed)
    yield from (f"the volume {volume} is not used" for volume in defined - mounted)
    for volume in spec.get("volumes", []):
        (kind,) = volume.keys() - {"name"}
        if kind not in VOLUMES:
            yield f"the volume {volume['name']} is of type {kind}"
        if kind == "emptyDir" and "sizeLimit" not in volume["emptyDir"]:
            yield f"the volume {volume['name']} has no limit"


def _restricted(container: dict) -> Iterator[str]:
    security = container.get("securityContext", {})
    required = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        # Stricter than the standard.
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for field, value in required.items():
        if security.get(field) != value:
            yield f"{field} is {security.get(field)}"
    for field in ("runAsUser", "runAsGroup"):
        # Helm renders large numbers as 1e+09, which Kubernetes refuses.
        if not isinstance(security.get(field), int):
            yield f"{field} is not a number"
        elif security[field] == 0:
            yield f"{field} is root"
    if security.get("privileged"):
        yield "is privileged"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "has a port of the node"


def _limits(container: dict) -> Iterator[str]:
    for kind in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            if resource not in container.get("resources", {}).get(kind, {}):
                yield f"no {kind} of {resource}"
    _, _, version = container["image"].rpartition("/")[2].partition(":")
    if version in ("", "latest"):
        yield f"the image {container['image']} has no exact version"
    if container.get("imagePullPolicy") not in ("Always", "IfNotPresent", "Never"):
        yield "no imagePullPolicy"


def _long_running(container: dict) -> Iterator[str]:
    name, ports = container["name"], container.get("ports", [])
    probe = container.get("livenessProbe")
    if not probe:
        yield "no liveness probe"
    elif "ready" in str(probe):
        yield "its liveness depends on other services"
    for port in ports:
        if port.get("protocol") != "TCP":
            yield f"the port {port.get('name')} states no protocol"
    metrics = {port["containerPort"] for port in ports if port.get("name") == "metrics"}
    if metrics != {port for exporter, port in METRICS_PORTS.items() if exporter == name}:
        yield f"the ports named metrics are {sorted(metrics)}"
