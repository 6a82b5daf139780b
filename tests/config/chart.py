"""Render the Helm chart, and look into the objects that it renders."""

import functools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from lab.paths import ROOT
from lab.runtimes.kubernetes import programs

CHART = ROOT / "charts" / "pomar"
PRESETS = sorted(path.stem for path in (CHART / "presets").glob("*.yaml"))
#: Values that turn on everything that the chart can do.
EVERYTHING = {
    "hosts": ["shop.example.org", "www.example.org", "192.0.2.1"],
    "proxy": {"enabled": True, "realIpFrom": ["10.0.0.0/8", "fd00::/8"]},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tlsSecret": "public"},
    "autoscaling": {"enabled": True},
    "lab": {"enabled": True},
    "app": {
        "previousImages": ["registry.example/shop:1", "registry.example/shop:2"],
        "extraEnv": [{"name": "MODE", "value": "x"}],
    },
    "imagePullSecrets": [{"name": "registry"}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"key": "shop", "operator": "Exists"}],
    "podAnnotations": {"team": "shop"},
    "networkPolicy": {
        "shopFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
    },
}


class ChartError(Exception):
    """Helm refused the values. The message is Helm's own."""


def helm(*arguments: object, values: dict | None = None) -> str:
    """Run Helm and return its output. Raises ChartError if it fails."""
    command = [programs.find("helm"), *map(str, arguments), *(["--values=-"] if values else [])]
    done = subprocess.run(command, input=json.dumps(values or {}), capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line and "symbolic link" not in line]
        raise ChartError("\n".join(lines))
    return done.stdout


def render(values: dict | None = None, *, preset: str = "", release: str = "pomar", chart: Path = CHART) -> list[dict]:
    """Return the objects that the chart renders for these values in the namespace ``shops``."""
    return json.loads(_rendered(json.dumps(values), preset, release, chart))


@functools.cache
def _rendered(values: str, preset: str, release: str, chart: Path) -> str:
    options = [f"--values={CHART / 'presets' / f'{preset}.yaml'}"] if preset else []
    text = helm("template", release, chart, "--namespace=shops", *options, values=json.loads(values))
    # The loader written in C is ten times as fast, which matters for the dashboards.
    return json.dumps([document for document in yaml.load_all(text, yaml.CSafeLoader) if document])


def one(objects: list[dict], kind: str, name: str) -> dict:
    """Return the object of this kind and name."""
    (found,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name)
    return found


def pods(objects: list[dict]) -> Iterator[tuple[str, dict]]:
    """Yield the name of each object that runs pods, and the pod's metadata and specification."""
    for each in objects:
        name, spec = f"{each['kind']}/{each['metadata']['name']}", each.get("spec", {})
        if each["kind"] == "Pod":
            yield name, each
        elif each["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]
        elif each["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, spec["template"]


def containers(pod: dict) -> Iterator[dict]:
    """Yield all of a pod's containers, including those that run before the others start."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def shop_pod(objects: list[dict], name: str = "pomar") -> dict:
    """Return the shop pod."""
    return one(objects, "Deployment", name)["spec"]["template"]


def container(pod: dict, name: str) -> dict:
    """Return a pod's container."""
    (found,) = (each for each in containers(pod) if each["name"] == name)
    return found


def env(container: dict) -> dict[str, str]:
    """Return a container's environment variables that have a fixed value."""
    return {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}


def mounted(objects: list[dict], pod: dict, name: str, folder: str) -> dict[str, str]:
    """Return the files that a container sees below a folder, by path, from the ConfigMaps alone."""
    (mount,) = (each for each in container(pod, name)["volumeMounts"] if each["mountPath"] == folder)
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == mount["name"])
    sources = volume["projected"]["sources"] if "projected" in volume else [volume]
    files = {}
    for source in (each["configMap"] for each in sources if "configMap" in each):
        data = one(objects, "ConfigMap", source["name"])["data"]
        for item in source.get("items") or [{"key": key, "path": key} for key in data]:
            files[item["path"]] = data[item["key"]]
    return files


def listen_conf(values: dict | None = None, **options: str) -> str:
    """Return NGINX's listen.conf in the shop pod."""
    objects = render(values, **options)
    return mounted(objects, shop_pod(objects), "nginx", "/srv/nginx/made.template")["listen.conf"]
