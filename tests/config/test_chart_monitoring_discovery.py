"""A real Prometheus with the configuration from the Helm chart finds exactly the ports named ``metrics``."""

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
import yaml

from lab.runtimes.ports import free_ports
from tests.config import operators
from tests.config.chart import mounted, one, pods, render, shop_pod
from tests.config.cluster import Cluster
from tests.config.front import ending
from tests.config.releases import programs_of
from tests.eventually import eventually

#: Debian 12's Prometheus is built without kubernetes_sd. These releases have version 2.53 and version 3.
RELEASES = ("trixie", "forky")
VALUES = {"monitoring": {"mode": "bundled"}, "termination": {"scrapeIntervalSeconds": 5}}
OPERATOR = {**VALUES, "monitoring": {"mode": "operator"}}
GKE = {**VALUES, "monitoring": {"mode": "gke"}}
OPERATOR_JOB = "operator"
#: The job of each container that serves metrics, and its port: the jobs are those of the other runtimes.
SHOP = {"app": ("django", 8001), "uwsgi-exporter": ("uwsgi", 9117), "nginx-exporter": ("nginx", 9113)} | {
    "access-log-exporter": ("nginx-log", 3903)
}
OTHERS = {
    "pomar-postgres-exporter": ("postgres", 9187),
    "pomar-redis-exporter": ("redis", 9121),
    "pomar-prometheus": ("prometheus", 9090),
    "pomar-alertmanager": ("alertmanager", 9093),
    "pomar-grafana": ("grafana", 3000),
}


@dataclass(frozen=True)
class Target:
    """What Prometheus scrapes, and the labels that it adds to every metric."""

    url: str
    labels: frozenset[tuple[str, str]]
    error: str = ""


def target(pod: dict, job: str, port: int, path: str = "/metrics") -> Target:
    """Return the target that Prometheus should find in a pod."""
    name = pod["metadata"]["name"]
    labels = {"job": job, "namespace": "shops", "pod": name, "instance": name}
    return Target(f"http://{pod['status']['podIP']}:{port}{path}", frozenset(labels.items()))


def changed(template: dict, *, labels: dict | None = None, annotations: dict | None = None) -> dict:
    """Return a copy of a pod's template with other labels or annotations. None removes an annotation."""
    copied = copy.deepcopy(template)
    copied["metadata"]["labels"] |= labels or {}
    merged = copied["metadata"].get("annotations", {}) | (annotations or {})
    copied["metadata"]["annotations"] = {name: value for name, value in merged.items() if value is not None}
    return copied


def fill(cluster: Cluster) -> set[Target]:
    """Add the chart's pods, and some that must be left alone, to the cluster. Return the targets."""
    objects = render(VALUES)
    expected = set()
    for name, template in pods(objects):
        kind, _, name = name.partition("/")
        if kind == "Deployment" and name == "pomar":
            for number in range(2):
                pod = cluster.add(f"{name}-6b7f-{number}", template)
                expected |= {target(pod, *of) for of in SHOP.values()}
        else:
            pod = cluster.add(f"{name}-0", template, phase="Succeeded" if kind == "Job" else "Running")
            expected |= {target(pod, *OTHERS[name])} if name in OTHERS else set()
    shop = shop_pod(objects)
    stopping = cluster.add("stopping", shop)
    stopping["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    expected |= {target(stopping, *of) for of in SHOP.values()}
    exporter = one(objects, "Deployment", "pomar-redis-exporter")["spec"]["template"]
    annotations = {"prometheus.io/path": "/exported", "prometheus.io/port": "9999"}
    expected.add(
        target(cluster.add("annotated", changed(exporter, annotations=annotations)), "redis", 9999, "/exported")
    )

    cluster.add("other-namespace", shop, namespace="elsewhere")
    cluster.add("other-release", changed(exporter, labels={"app.kubernetes.io/instance": "another"}))
    cluster.add("other-chart", changed(exporter, labels={"app.kubernetes.io/name": "another"}))
    cluster.add("without-annotation", changed(exporter, annotations={"prometheus.io/scrape": None}))
    cluster.add("annotated-false", changed(exporter, annotations={"prometheus.io/scrape": "false"}))
    for phase in ("Pending", "Succeeded", "Failed"):
        cluster.add(phase.lower(), exporter, phase=phase)
    return expected


def variants(config: dict, api: str) -> dict:
    """Return the configuration with the first job as it is, without each of its rules, and as operators make it."""
    (whole, *rest) = config["scrape_configs"]
    jobs = [whole]
    for number, rule in enumerate(whole["relabel_configs"]):
        rules = [each for each in whole["relabel_configs"] if each is not rule]
        jobs.append({**whole, "job_name": f"without rule {number + 1}", "relabel_configs": rules})
    everywhere = [
        {key: value for key, value in each.items() if key != "namespaces"} for each in whole["kubernetes_sd_configs"]
    ]
    jobs.append({**whole, "job_name": "without the namespace", "kubernetes_sd_configs": everywhere})
    jobs.append(operators.of_pod_monitor(one(render(OPERATOR), "PodMonitor", "pomar"), "shops", OPERATOR_JOB))
    monitorings = [each for each in render(GKE) if each["kind"] == "PodMonitoring"]
    jobs += [operators.of_pod_monitoring(each, "shops") for each in monitorings]
    jobs = copy.deepcopy(jobs)
    for each in (each for job in jobs for each in job["kubernetes_sd_configs"]):
        each["api_server"] = api
    return {**config, "scrape_configs": [*jobs, *rest]}


@pytest.fixture(scope="module", params=RELEASES)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[Target]]]:
    """What Prometheus has found, by job, and what it should have found, as ``expected``."""
    prometheus = programs_of(request.param) / "prometheus"
    folder, cluster = tmp_path_factory.mktemp(request.param), Cluster()
    expected = fill(cluster)
    objects = render(VALUES)
    pod = one(objects, "StatefulSet", "pomar-prometheus")["spec"]["template"]
    files = mounted(objects, pod, "prometheus", "/etc/prometheus")
    (port,) = free_ports(1)
    with cluster.running() as api, (folder / "log").open("wb") as log:
        config = variants(yaml.safe_load(files["prometheus.yml"]), api)
        for path, text in {**files, "prometheus.yml": yaml.safe_dump(config)}.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        flags = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        command = [prometheus, *flags, f"--web.listen-address=127.0.0.1:{port}"]
        environment = {**os.environ, "GOMAXPROCS": "1"}
        with ending(command, stdout=log, stderr=log, env=environment):
            seen = eventually(
                lambda: targets(port),
                because=f"Prometheus scrapes all targets of each job (log: {folder / 'log'})",
                wanted=lambda jobs: len(jobs) == len(config["scrape_configs"]) and None not in jobs.values(),
                timeout=60,
            )
            yield {**seen, "expected": expected}


def targets(port: int) -> dict[str, set[Target] | None]:
    """Return Prometheus's targets by job; None for a job with a target that has not been scraped yet."""
    data = requests.get(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=5).json()["data"]
    jobs: dict[str, set[Target] | None] = {}
    for each in data["activeTargets"]:
        job = each["scrapePool"]
        if each["health"] == "unknown" or jobs.get(job, ()) is None:
            jobs[job] = None
        else:
            labels = frozenset(each["labels"].items())
            jobs.setdefault(job, set()).add(Target(each["scrapeUrl"], labels, each["lastError"]))
    return jobs


JOB = "kubernetes-pods-containers"
#: What each rule is for: the pods that have other targets without it.
RULES = (
    ("the annotation scrape", {"without-annotation", "annotated-false"}),
    ("the annotation path", {"annotated"}),
    ("the annotation port", {"annotated"}),
    ("the port's name", {"pomar-6b7f-0", "pomar-6b7f-1", "stopping"}),
    ("the release", {"other-release", "other-chart"}),
    ("the phase", {"pending", "succeeded", "failed"}),
)


def test_exactly_the_ports_named_metrics_are_scraped_without_an_error(found):
    assert len(found["expected"]) == 3 * len(SHOP) + len(OTHERS) + 1
    # Nothing listens on the port that the annotation names.
    reached = {each for each in found[JOB] if ("pod", "annotated") not in each.labels}
    assert {each.error for each in reached} == {""}
    assert {Target(each.url, each.labels) for each in found[JOB]} == found["expected"]


@pytest.mark.parametrize("number", range(len(RULES)), ids=[what for what, _ in RULES])
def test_each_rule_leaves_out_or_changes_certain_targets(found, number):
    different = {(each.url, each.labels) for each in found[f"without rule {number + 1}"] ^ found[JOB]}

    assert {dict(labels)["pod"] for _, labels in different} == RULES[number][1]


#: The labels that the other rules set, in their order.
LABELS = ("namespace", "pod", "instance", "job", "job", "job")


@pytest.mark.parametrize("number", range(len(LABELS)))
def test_each_label_has_a_rule(found, number):
    label, without = LABELS[number], found[f"without rule {len(RULES) + number + 1}"]
    values = {each.url: dict(each.labels).get(label) for each in without}

    assert values.keys() == {each.url for each in found[JOB]}
    wrong = {each.url for each in found[JOB] if values[each.url] != dict(each.labels)[label]}
    assert wrong
    assert f"without rule {len(RULES) + len(LABELS) + 1}" not in found


def test_pods_of_other_namespaces_are_left_alone(found):
    more = found["without the namespace"] - found[JOB]

    assert {dict(each.labels)["pod"] for each in more} == {"other-namespace"}


def test_without_the_fourth_rule_the_errors_of_the_article_appear(found):
    more = {each for each in found["without rule 4"] if each not in found[JOB]}
    errors = {(dict(each.labels)["job"], each.url.rsplit(":", 1)[-1]): each.error for each in more}

    # NGINX's two ports serve no metrics, and a container without a port is scraped on port 80.
    assert all("404 Not Found" in errors["nginx", f"{port}/metrics"] for port in (8443, 8080))
    refused = {job for (job, port), error in errors.items() if "refused" in error}
    assert refused == {"wait-for-migrations", "static"}


def test_the_operators_pod_monitor_has_the_same_result(found):
    assert found[OPERATOR_JOB] == found[JOB]


@pytest.mark.parametrize("container", SHOP)
def test_googles_pod_monitorings_find_the_shops_exporters(found, container):
    job, port = SHOP[container]
    own = {each for each in found[JOB] if ("job", job) in each.labels}
    # Everything is the same but `instance`, which also has the port.
    wanted = {
        Target(each.url, frozenset({**labels, "instance": f"{labels['pod']}:{port}"}.items()))
        for each, labels in ((each, dict(each.labels)) for each in own)
    }

    assert len(own) == 3
    assert found[job] == wanted
