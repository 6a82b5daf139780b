"""The objects that the Helm chart renders for the Prometheus Operator and for Google's managed Prometheus."""

import json
import re

import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1

from lab import contract
from lab.paths import ROOT
from tests.config.chart import one, render, shop_pod
from tests.config.policy import METRICS_PORTS
from tests.config.test_chart_monitoring import ALL, BUNDLED, files_of
from tests.config.test_chart_monitoring_discovery import SHOP
from tests.config.test_chart_networks import reachable
from tests.config.test_chart_runtimes import checkout
from tests.config.test_prometheus import PODS, promtool

OPERATOR = {"monitoring": {"mode": "operator"}}
GKE = {"monitoring": {"mode": "gke"}}
URLS = {"runbooks": "https://wiki.example/run", "dashboards": "https://grafana.example/d"}


def production(*, urls: dict[str, str]) -> list[dict]:
    """Return the groups of rules for production with these base URLs instead of external labels."""
    files = checkout("prometheus/rules") | checkout("prometheus/production")
    groups = []
    for name in sorted(files.keys() - {"prometheus.yml"}):
        text = files[name]
        for what, url in urls.items():
            text = text.replace(f"{{{{ $externalLabels.{what}_url }}}}", url)
        groups += yaml.safe_load(text)["groups"]
    return groups


def round_trip(object_: dict) -> dict:
    """Return what is left of an object of the Prometheus Operator if only its known fields are kept."""
    model = getattr(v1, object_["kind"]).model_validate(object_)
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("options", [{"values": OPERATOR}, {"preset": "operator"}], ids=["defaults", "preset"])
def test_the_operator_knows_every_field(options):
    found = [each for each in render(**options) if each["apiVersion"] == "monitoring.coreos.com/v1"]

    assert [each["kind"] for each in found] == ["PodMonitor", "Probe", "Probe", "PrometheusRule"]
    assert [round_trip(each) for each in found] == found


def test_a_field_that_the_operator_does_not_know_is_noticed():
    found = one(render(OPERATOR), "PodMonitor", "pomar")
    found["spec"]["podMetricsEndpoints"][0]["relabeling"] = []

    assert round_trip(found) != found


def test_the_operator_finds_its_objects_by_label():
    for kind in ("PodMonitor", "PrometheusRule"):
        labels = one(render(preset="operator"), kind, "pomar")["metadata"]["labels"]
        assert labels["release"] == "kube-prometheus-stack"
        assert "release" not in one(render(OPERATOR), kind, "pomar")["metadata"]["labels"]


def test_the_operator_gets_the_rules_for_production_with_the_given_urls(tmp_path):
    found = one(render({"monitoring": {"mode": "operator", "urls": URLS}}), "PrometheusRule", "pomar")["spec"]

    assert found == {"groups": production(urls=URLS)}
    assert "externalLabels" not in json.dumps(found)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(found))
    promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yaml")


@pytest.mark.parametrize(("mode", "kind"), [("operator", "PrometheusRule"), ("gke", "Rules")])
def test_odd_urls_stay_as_they_are_in_the_links_of_the_alerts(mode, kind):
    url = "http://a.example:80/x:#&<'%\\y"
    found = one(render({"monitoring": {"mode": mode, "urls": dict.fromkeys(URLS, url)}}), kind, "pomar")

    rules = [rule for group in found["spec"]["groups"] for rule in group["rules"] if rule.get("alert") == "UwsgiDown"]
    assert [rule["annotations"]["runbook_url"] for rule in rules] == [f"{url}/UwsgiDown"]
    assert [rule["annotations"]["dashboard_url"].rpartition("/")[0] for rule in rules] == [url]


def test_the_preset_lab_gives_the_operator_the_rules_of_the_lab():
    found = one(render(OPERATOR, preset="lab"), "PrometheusRule", "pomar")["spec"]["groups"]

    files = checkout("prometheus/rules")
    assert [group["name"] for group in found] == [
        group["name"] for name in sorted(files) for group in yaml.safe_load(files[name])["groups"]
    ]
    assert found != production(urls={})


def test_the_sidecar_of_kube_prometheus_stack_takes_each_dashboard():
    found = [each for each in render(OPERATOR) if each["metadata"]["labels"].get("grafana_dashboard") == "1"]

    assert {name: text for each in found for name, text in each["data"].items()} == checkout("grafana/dashboards")
    assert all(len(each["data"]) == 1 for each in found)


def test_the_operator_visits_the_shop_as_in_mode_bundled():
    shop_from = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    objects = render({**OPERATOR, "hosts": ["shop.example.org"], "networkPolicy": {"shopFrom": shop_from}})
    probes = [one(objects, "Probe", f"pomar-{module}")["spec"] for module in ("shop", "redirect")]
    config = files_of("prometheus", "/etc/prometheus", {**BUNDLED, "hosts": ["shop.example.org"]})["prometheus.yml"]
    (job,) = (each for each in yaml.safe_load(config)["scrape_configs"] if each["job_name"] == "blackbox")

    for probe, bundled in zip(probes, job["static_configs"], strict=True):
        static = probe["targets"]["staticConfig"]
        set_by_rules = {rule["targetLabel"]: rule["replacement"] for rule in static["relabelingConfigs"]}
        # The Operator sets the namespace.
        labels = {"__param_module": probe["module"], "__param_target": static["static"][0], "namespace": "shops"}
        assert labels | set_by_rules == bundled["labels"]
        assert probe["jobName"] == "blackbox"
        assert probe["prober"] == {"url": "pomar-blackbox-exporter.shops.svc:9115"}
    assert ("blackbox-exporter", "web", 8443) in reachable(objects)


def test_only_given_sources_reach_the_blackbox_exporter_of_the_operator():
    assert not [each for each in reachable(render(OPERATOR)) if each[1] == "blackbox-exporter"]
    assert ("given", "blackbox-exporter", 9115) in reachable(render(preset="operator"))


def test_other_modes_install_no_further_service():
    kinds = {"Deployment", "StatefulSet", "Service"}

    def workloads(objects: list[dict]) -> set[str]:
        return {each["metadata"]["name"] for each in objects if each["kind"] in kinds}

    assert workloads(render(GKE)) == workloads(render())
    assert workloads(render(OPERATOR)) == workloads(render()) | {"pomar-blackbox-exporter"}


def monitorings(values: dict, **options: str) -> dict[str, dict]:
    """Return Google's PodMonitorings by name."""
    return {each["metadata"]["name"]: each for each in render(values, **options) if each["kind"] == "PodMonitoring"}


def test_google_gets_one_pod_monitoring_for_each_exporter_of_the_shop():
    found = monitorings(GKE)
    labels = shop_pod(render(GKE))["metadata"]["labels"]

    assert {name: each["spec"]["endpoints"][0]["port"] for name, each in found.items()} == dict(SHOP.values())
    assert {port for _, port in SHOP.values()} == {METRICS_PORTS[container] for container in SHOP}
    assert all(each["spec"]["selector"]["matchLabels"].items() <= labels.items() for each in found.values())


def test_google_scrapes_at_the_interval_that_stopping_pods_wait_for():
    for preset, interval, timeout in (("", "30s", "10s"), ("lab", "5s", "4s")):
        for each in monitorings(GKE, preset=preset).values():
            (endpoint,) = each["spec"]["endpoints"]
            assert (endpoint["interval"], endpoint["timeout"]) == (interval, timeout)


def google_rules(urls: dict[str, str]) -> list[dict]:
    """Return the groups of Google's Rules."""
    return one(render({"monitoring": {"mode": "gke", "urls": urls}}), "Rules", "pomar")["spec"]["groups"]


def test_googles_rules_differ_only_as_the_preset_says():
    wanted = production(urls=URLS)
    changed = set()
    for group in wanted:
        group["interval"] = "30s"
        for rule in group["rules"]:
            if rule.pop("keep_firing_for", None):
                changed.add("keep_firing_for")
            if "on (instance)" in rule["expr"]:
                rule["expr"] = rule["expr"].replace("on (instance)", "on (pod)")
                changed.add("on (instance)")

    assert google_rules(URLS) == wanted
    assert changed == {"keep_firing_for", "on (instance)"}


def test_no_rule_for_google_joins_exporters_by_instance():
    text = "\n".join(rule["expr"] for group in google_rules(URLS) for rule in group["rules"])

    joined = [set(re.split(r", *", labels)) for labels in re.findall(r"\bon ?\(([^)]+)\)", text)]
    assert {"pod"} in joined
    # With `job`, both sides are of the same exporter.
    assert not [labels for labels in joined if "instance" in labels and "job" not in labels]


def test_promtool_accepts_googles_rules(tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": google_rules(URLS)}))
    promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yaml")


def with_googles_labels(case: dict) -> dict:
    """Return a case of ``prometheus/tests/pods.yaml`` with Google's label ``instance`` and clickable links."""
    ports = dict(SHOP.values())

    def instance(found: re.Match) -> str:
        return f'job="{found[1]}", pod="{found[2]}", instance="{found[2]}:{ports[found[1]]}"'

    for each in case["input_series"]:
        each["series"] = re.sub(r'job="([^"]+)", pod="([^"]+)", instance="\2"', instance, each["series"])
    for alert in (alert for each in case["alert_rule_test"] for alert in each["exp_alerts"]):
        labels, texts = alert["exp_labels"], alert["exp_annotations"]
        labels["instance"] = f"{labels['pod']}:{ports[labels['job']]}"
        texts["description"] = texts["description"].replace(f" {labels['pod']} ", f" {labels['instance']} ")
        for what, url in URLS.items():
            texts[f"{what.removesuffix('s')}_url"] = url + texts[f"{what.removesuffix('s')}_url"]
    return case


def test_googles_alerts_that_join_exporters_pass_the_tests_of_several_pods(tmp_path):
    rules = one(render({"monitoring": {"mode": "gke", "urls": URLS}}, preset="lab"), "Rules", "pomar")["spec"]
    joining = {rule["alert"] for each in rules["groups"] for rule in each["rules"] if "on (pod)" in rule["expr"]}
    assert joining == {"TierBlind", "UwsgiDown"}
    content = yaml.safe_load((ROOT / "prometheus" / "tests" / PODS).read_text())
    cases = [
        with_googles_labels(case)
        for case in content["tests"]
        if joining & {each["alertname"] for each in case.get("alert_rule_test", [])}
    ]
    assert len(cases) >= 4
    assert 'instance="shop-a:9117"' in str(cases)

    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    test = {"rule_files": ["rules.yaml"], "evaluation_interval": content["evaluation_interval"], "tests": cases}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(test))
    promtool("test", "rules", tmp_path / "tests.yaml")


def test_only_the_shops_jobs_are_collected_by_google():
    missing = {entry.job for entry in contract.load()} - monitorings(GKE).keys()

    assert missing == {
        *("postgres", "redis", "blackbox", "prometheus", "alertmanager", "pushgateway", "grafana", "lab"),
    }


def test_googles_objects_can_stand_beside_another_mode():
    beside = render({"monitoring": {**BUNDLED["monitoring"], "gke": {"enabled": True}}})
    alone = {(each["kind"], each["metadata"]["name"]) for each in render(GKE)}

    assert {(each["kind"], each["metadata"]["name"]) for each in beside} >= alone
    assert one(beside, "StatefulSet", "pomar-prometheus")
    assert monitorings(ALL) == {}


@pytest.mark.parametrize("preset", ["operator", "gke"])
def test_a_preset_lets_prometheus_in_from_its_namespace(preset):
    namespace = {"operator": "monitoring", "gke": "gmp-system"}[preset]
    policy = one(render(preset=preset), "NetworkPolicy", "pomar")["spec"]

    (metrics,) = (rule for rule in policy["ingress"] if {"port": 8001, "protocol": "TCP"} in rule["ports"])
    wanted = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    assert wanted in metrics["from"]
