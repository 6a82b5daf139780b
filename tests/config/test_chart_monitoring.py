"""Mode ``bundled`` of the Helm chart: the same files, flags and settings as in Compose, and nothing that is open."""

import json
import re

import kubernetes_validate
import pytest
import yaml

from lab import times
from lab.paths import ROOT
from tests.config.chart import CHART, EVERYTHING, ChartError, container, helm, mounted, one, pods, render
from tests.config.policy import violations
from tests.config.test_chart_policy import VERSIONS, without
from tests.config.test_chart_runtimes import COMPOSE, checkout
from tests.config.test_prometheus import promtool

BUNDLED = {"monitoring": {"mode": "bundled"}}
#: Everything that mode `bundled` can do, without the objects that EVERYTHING adds elsewhere.
ALL = {**EVERYTHING, "monitoring": {"mode": "bundled", "accessFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}}
#: The services of this mode, and the Kubernetes object that runs each.
SERVICES = {
    "prometheus": "StatefulSet",
    "alertmanager": "StatefulSet",
    "receiver": "Deployment",
    "pushgateway": "Deployment",
    "blackbox-exporter": "Deployment",
    "grafana": "Deployment",
}
SETS = {
    "bundled": {"values": BUNDLED},
    "everything": {"values": ALL},
    "without Grafana": {"values": {"monitoring": {"mode": "bundled", "grafana": {"enabled": False}}}},
    "nothing stored": {
        "values": {
            "monitoring": {
                "mode": "bundled",
                "prometheus": {"storage": {"enabled": False}},
                "alertmanager": {"existingSecret": "alerting", "storage": {"enabled": False}},
            }
        }
    },
}


def pod_of(service: str, values: dict | None = None, **options: str) -> tuple[list[dict], dict]:
    """Return all objects, and the pod of one monitoring service."""
    objects = render(values or BUNDLED, **options)
    return objects, one(objects, SERVICES[service], f"pomar-{service}")["spec"]["template"]


def files_of(service: str, folder: str, values: dict | None = None, **options: str) -> dict[str, str]:
    """Return the files that a service sees below a folder."""
    return mounted(*pod_of(service, values, **options), service, folder)


@pytest.mark.parametrize("options", SETS.values(), ids=SETS)
def test_every_pod_follows_the_policy(options):
    assert violations(render(**options)) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["everything", "nothing stored"])
def test_every_object_matches_the_schema_of_the_kubernetes_api(name, version):
    for each in render(**SETS[name]):
        assert kubernetes_validate.validate(each, version, strict=True) == version


def test_the_policy_notices_everything_that_is_removed():
    names = tuple(f"{kind}/pomar-{service} " for service, kind in SERVICES.items())
    workloads = [each for each in render(BUNDLED) if each["kind"] in SERVICES.values()]
    changes = [(what, objects) for what, objects in without(workloads) if what.startswith(names)]

    assert len(changes) > 100
    assert [what for what, objects in changes if not violations(objects)] == []


def test_mode_none_renders_nothing_for_monitoring():
    names = {each["metadata"]["name"] for each in render()}

    assert names
    assert not [name for name in names if re.search("|".join(SERVICES), name)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reaches_its_pods_on_the_port_from_compose(service):
    objects, pod = pod_of(service)
    found = one(objects, "Service", f"pomar-{service}")["spec"]
    (port,) = found["ports"]
    (listens,) = container(pod, service)["ports"]
    published = COMPOSE[service].get("ports", ["127.0.0.1:9115:9115"])[0].rpartition(":")[2]

    assert port["port"] == port["targetPort"] == listens["containerPort"] == int(published)
    assert found["selector"].items() <= pod["metadata"]["labels"].items()


def test_prometheus_sees_the_rules_for_production():
    seen = files_of("prometheus", "/etc/prometheus")

    production, lab = checkout("prometheus/production"), checkout("prometheus/rules")
    # What contains no time windows is the same for both.
    wanted = {name: production.get(name, lab[name]) for name in lab}
    assert {path: text for path, text in seen.items() if path != "prometheus.yml"} == {
        f"rules/{name}": text for name, text in wanted.items()
    }
    assert wanted["alerts.yaml"] != lab["alerts.yaml"]


def test_prometheus_sees_the_rules_of_the_lab_in_its_preset():
    seen = files_of("prometheus", "/etc/prometheus", {}, preset="lab")

    assert seen.keys() - {"prometheus.yml"} == {f"rules/{name}" for name in checkout("prometheus/rules")}
    for name, text in checkout("prometheus/rules").items():
        assert seen[f"rules/{name}"] == text


@pytest.mark.parametrize("preset", ["", "lab"])
def test_prometheus_accepts_its_configuration(tmp_path, preset):
    for path, text in files_of("prometheus", "/etc/prometheus", preset=preset).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)

    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    # Debian 12's promtool is built without kubernetes_sd.
    del config["scrape_configs"][0]["kubernetes_sd_configs"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_prometheus_scrapes_at_the_interval_that_stopping_pods_wait_for():
    for preset, seconds in (("", 30), ("lab", 5)):
        config = yaml.safe_load(files_of("prometheus", "/etc/prometheus", preset=preset)["prometheus.yml"])
        assert config["global"]["scrape_interval"] == f"{seconds}s"
    # Of the lab.
    ours = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["global"]
    del config["global"]["external_labels"], ours["external_labels"]
    assert config["global"] == ours


def test_the_alerts_link_to_the_given_urls_without_labels_for_them():
    urls = {"runbooks": "https://wiki.example/run", "dashboards": "https://grafana.example/d"}
    text = files_of("prometheus", "/etc/prometheus", {"monitoring": {"mode": "bundled", "urls": urls}})
    config = yaml.safe_load(text["prometheus.yml"])

    assert config["global"]["external_labels"] == {f"{name}_url": url for name, url in urls.items()}
    ours = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert config["alerting"]["alert_relabel_configs"] == ours["alerting"]["alert_relabel_configs"]


def test_the_probes_visit_the_shops_service_under_the_name_of_visitors():
    values = {**BUNDLED, "hosts": ["shop.example.org", "localhost"], "service": {"httpPort": 8080}}
    config = yaml.safe_load(files_of("prometheus", "/etc/prometheus", values)["prometheus.yml"])

    (job,) = (each for each in config["scrape_configs"] if each["job_name"] == "blackbox")
    assert job["metrics_path"] == "/probe"
    assert [each["labels"] for each in job["static_configs"]] == [
        {
            "namespace": "shops",
            "instance": "https://shop.example.org",
            "__param_module": "shop",
            "__param_target": "https://pomar:443/health/ready",
            "__param_hostname": "shop.example.org",
        },
        {
            "namespace": "shops",
            "instance": "http://shop.example.org:8080",
            "__param_module": "redirect",
            "__param_target": "http://pomar:8080/",
            "__param_hostname": "shop.example.org",
        },
    ]


def test_every_host_in_prometheus_yml_is_a_service_with_that_port():
    objects, _ = pod_of("prometheus")
    text = files_of("prometheus", "/etc/prometheus")["prometheus.yml"]
    named = set(re.findall(r"(?:\"|//)(pomar[a-z-]*):(\d+)", text))

    ports = {
        (each["metadata"]["name"], str(port["port"]))
        for each in objects
        if each["kind"] == "Service"
        for port in each["spec"]["ports"]
    }
    assert len(named) == 5
    assert named <= ports


def test_prometheus_may_see_the_pods_of_its_namespace_and_nothing_else():
    objects, pod = pod_of("prometheus")

    assert pod["spec"]["serviceAccountName"] == "pomar-prometheus"
    rules = one(objects, "Role", "pomar-prometheus")["rules"]
    assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    binding = one(objects, "RoleBinding", "pomar-prometheus")
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", "pomar-prometheus")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "pomar-prometheus", "namespace": "shops"}]
    assert not [each for each in render(ALL) if each["kind"].startswith("ClusterRole")]
    others = {name for name, each in pods(objects) if each["spec"].get("automountServiceAccountToken") is not False}
    assert {name for name in others if "-prepare" not in name} == {"StatefulSet/pomar-prometheus"}


def notes(values: dict) -> str:
    """Return what Helm prints after it has installed the chart."""
    text = helm("install", "pomar", CHART, "--namespace=shops", "--dry-run=client", "--output=json", values=values)
    return json.loads(text)["info"]["notes"]


def test_the_notes_say_how_to_open_each_page():
    text = notes(BUNDLED)

    for service in ("prometheus", "alertmanager", "receiver", "grafana"):
        port = COMPOSE[service]["ports"][0].rpartition(":")[2]
        assert f"kubectl --namespace shops port-forward service/pomar-{service} {port}\n" in text
    assert "get secret pomar-secrets --output jsonpath='{.data.grafana-admin-password}'" in text
    assert "set monitoring.alertmanager.existingSecret" in text


def test_the_notes_say_if_nothing_collects_the_metrics():
    sentence = "Nothing collects the metrics yet: set monitoring.mode."

    assert sentence in notes({"replicas": 1})
    assert sentence not in notes({"monitoring": {"mode": "gke"}})


@pytest.mark.parametrize(("rules", "seconds"), [("production", 75), ("lab", 5)])
def test_an_interval_that_is_too_long_for_the_windows_of_the_alerts_is_refused(rules, seconds):
    folder = {"production": "prometheus/production", "lab": "prometheus/rules"}[rules]
    windows = {times.seconds(each) for text in checkout(folder).values() for each in re.findall(r"\[(\w+)\]", text)}

    def rendered(interval: int, mode: str) -> list[dict]:
        return render(
            {"monitoring": {"mode": mode, "rules": rules}, "termination": {"scrapeIntervalSeconds": interval}}
        )

    # A window must hold four scrapes.
    assert min(windows) / 4 == seconds
    for mode in ("bundled", "operator", "gke"):
        assert rendered(seconds, mode)
        with pytest.raises(ChartError, match=f"termination.scrapeIntervalSeconds is more than {seconds}: "):
            rendered(seconds + 1, mode)
    assert rendered(seconds + 1, "none")


def test_odd_urls_and_names_stay_as_they_are():
    url, path = "http://a.example:80/x:#&'%{y}", "/ready:?a=1&b='%20#"
    urls = dict.fromkeys(("prometheus", "alertmanager", "grafana", "runbooks", "dashboards"), url)
    values = {"monitoring": {"mode": "bundled", "urls": urls, "probePath": path}}
    objects, pod = pod_of("prometheus", values)
    config = yaml.safe_load(mounted(objects, pod, "prometheus", "/etc/prometheus")["prometheus.yml"])

    assert set(config["global"]["external_labels"].values()) == {url}
    assert config["scrape_configs"][1]["static_configs"][0]["labels"]["__param_target"] == f"https://pomar:443{path}"
    for service, flag in (
        ("prometheus", "web.external-url"),
        ("alertmanager", "web.external-url"),
        ("receiver", "grafana"),
    ):
        assert f"--{flag}={url}" in container(pod_of(service, values)[1], service)["args"]


def test_a_dot_in_the_releases_name_matches_only_a_dot():
    objects = render({**BUNDLED, "fullnameOverride": "shop"}, release="my.pomar")
    config = yaml.safe_load(one(objects, "ConfigMap", "shop-prometheus")["data"]["prometheus.yml"])

    rules = [each.get("regex") for each in config["scrape_configs"][0]["relabel_configs"]]
    assert r"pomar;my\.pomar" in rules
