"""The other services of mode ``bundled`` have the files, flags and settings from Compose, and nothing is open."""

import base64
import gzip
import json
import shutil

import pytest
import yaml

from lab.paths import ROOT
from lab.runtimes.kubernetes import prepare
from tests.config.chart import CHART, ChartError, container, env, helm, one, render
from tests.config.test_alertmanager import amtool
from tests.config.test_chart_monitoring import ALL, BUNDLED, SERVICES, files_of, pod_of
from tests.config.test_chart_networks import reachable
from tests.config.test_chart_runtimes import COMPOSE, checkout, flags
from tests.config.test_chart_secrets import secret_keys


def alertmanager_yml(**options: str) -> str:
    """Return Alertmanager's configuration."""
    return files_of("alertmanager", "/etc/alertmanager", **options)["alertmanager.yml"]


def test_alertmanager_has_the_file_from_compose_with_the_receivers_url():
    ours = (ROOT / "alertmanager" / "alertmanager.yml").read_text()

    assert alertmanager_yml(preset="lab") == ours.replace("url: http://receiver:", "url: http://pomar-receiver:")
    assert alertmanager_yml(preset="lab") != ours


def test_alertmanager_has_the_times_for_production_by_default():
    config, lab = yaml.safe_load(alertmanager_yml()), yaml.safe_load(alertmanager_yml(preset="lab"))
    people = yaml.safe_load((ROOT / "alertmanager" / "examples" / "people.yml").read_text())

    assert config["route"] == people["route"] != lab["route"]
    assert {**config, "route": lab["route"]} == lab


@pytest.mark.parametrize("preset", ["", "lab"])
def test_alertmanager_accepts_its_configuration(tmp_path, preset):
    (tmp_path / "alertmanager.yml").write_text(alertmanager_yml(preset=preset))

    assert "SUCCESS" in amtool("check-config", tmp_path / "alertmanager.yml")


def test_an_existing_secret_replaces_alertmanagers_configuration():
    objects, pod = pod_of(
        "alertmanager", {"monitoring": {"mode": "bundled", "alertmanager": {"existingSecret": "alerting"}}}
    )

    (config,) = (each for each in pod["spec"]["volumes"] if each["name"] == "config")
    assert config["secret"] == {"secretName": "alerting"}
    assert ("ConfigMap", "pomar-alertmanager") not in {(each["kind"], each["metadata"]["name"]) for each in objects}


def test_the_blackbox_exporter_has_the_files_and_the_folder_from_compose():
    _, pod = pod_of("blackbox-exporter")
    (volume,) = pod["spec"]["volumes"]

    assert files_of("blackbox-exporter", "/srv/blackbox") == checkout("blackbox")
    assert container(pod, "blackbox-exporter")["workingDir"] == COMPOSE["blackbox-exporter"]["working_dir"]
    # The module `shop` reads tls/ca.crt.
    assert volume["projected"]["sources"][1]["secret"] == {
        "name": "pomar-tls",
        "items": [{"key": "ca.crt", "path": "tls/ca.crt"}],
    }


def test_grafana_sees_the_dashboards_from_compose():
    assert files_of("grafana", "/etc/grafana/dashboards") == checkout("grafana/dashboards")


@pytest.mark.parametrize(("preset", "interval"), [("", "30s"), ("lab", "5s")])
def test_grafana_reads_from_the_releases_prometheus(preset, interval):
    wanted = checkout("grafana/provisioning")
    source = "datasources/prometheus.yaml"
    wanted[source] = wanted[source].replace("http://prometheus:", "http://pomar-prometheus:")
    wanted[source] = wanted[source].replace("timeInterval: 5s", f"timeInterval: {interval}")

    assert files_of("grafana", "/etc/grafana/provisioning", preset=preset) == wanted


@pytest.mark.parametrize(("preset", "anonymous"), [("", False), ("lab", True)])
def test_grafana_has_the_settings_from_compose(preset, anonymous):
    _, pod = pod_of("grafana", preset=preset)
    ours = {key: str(value) for key, value in COMPOSE["grafana"]["environment"].items() if key.startswith("GF_")}
    ours["GF_SERVER_ROOT_URL"] = "http://localhost:3000"
    if not anonymous:
        del ours["GF_AUTH_ANONYMOUS_ENABLED"], ours["GF_AUTH_ANONYMOUS_ORG_ROLE"]

    assert env(container(pod, "grafana")) == {**ours, "GOMAXPROCS": "1"}


def test_a_monitoring_service_has_the_flags_from_compose():
    defaults = {
        "${PROMETHEUS_RETENTION_TIME}": "15d",
        "${PROMETHEUS_RETENTION_SIZE}": "3GB",
        "${PROMETHEUS_PORT}": "9090",
        "${ALERTMANAGER_PORT}": "9093",
        "${GRAFANA_PORT}": "3000",
    }
    for service in SERVICES:
        ours = " ".join(COMPOSE[service].get("command", []))
        for name, value in defaults.items():
            ours = ours.replace(name, value)
        found = container(pod_of(service)[1], service)
        # The chart renders the external labels, so nothing has to be expanded.
        assert flags([*found.get("command", []), *found.get("args", [])]) == flags(ours.split()) - {
            "--enable-feature=expand-external-labels"
        }, service


def test_without_grafana_the_receiver_shows_the_dashboards():
    objects, pod = pod_of("receiver", {"monitoring": {"mode": "bundled", "grafana": {"enabled": False}}})

    assert "--prometheus=http://pomar-prometheus:9090" in container(pod, "receiver")["args"]
    assert not [each for each in objects if "grafana" in each["metadata"]["name"]]


def test_the_receivers_image_contains_the_code_and_the_runbooks():
    copied = (ROOT / "loadtest" / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    for folder in ("alertmanager", "docs/runbooks"):
        assert f"COPY --chmod=0755 {folder} {folder}\n" in copied
        assert f"!{folder}" in ignored


def test_only_the_listed_connections_are_allowed():
    services = {source for source, _, _ in reachable(render(ALL))} | {each for _, each, _ in reachable(render(ALL))}
    assert services >= SERVICES.keys()

    assert {each for each in reachable(render(BUNDLED)) if each[1] in SERVICES} == {
        *((source, "prometheus", 9090) for source in ("prometheus", "grafana", "receiver")),
        ("prometheus", "alertmanager", 9093),
        ("alertmanager", "receiver", 8095),
        ("prometheus", "pushgateway", 9091),
        ("prometheus", "blackbox-exporter", 9115),
        ("prometheus", "grafana", 3000),
    }


def test_given_sources_reach_every_monitoring_service():
    allowed = reachable(render(ALL))

    assert {target for source, target, _ in allowed if source == "given"} >= SERVICES.keys()
    assert ("blackbox-exporter", "web", 8443) in allowed


def test_only_grafana_and_the_probes_get_a_secret():
    before, after = secret_keys(render()), secret_keys(render(BUNDLED))

    assert after["pomar-secrets"] - before["pomar-secrets"] == {"grafana-admin-password"}
    assert after["pomar-tls"] == before["pomar-tls"]
    assert "grafana-admin-password" in prepare.all_credentials("postgres", "valkey")


def test_data_is_kept_in_volumes_or_not_at_all():
    objects = render(BUNDLED)
    claims = {
        service: one(objects, "StatefulSet", f"pomar-{service}")["spec"]["volumeClaimTemplates"][0]
        for service in ("prometheus", "alertmanager")
    }
    size = {service: each["spec"]["resources"]["requests"]["storage"] for service, each in claims.items()}
    assert size == {"prometheus": "5Gi", "alertmanager": "128Mi"}

    storage = {"storage": {"enabled": False}}
    objects = render({"monitoring": {"mode": "bundled", "prometheus": storage, "alertmanager": storage}})
    for service in claims:
        spec = one(objects, "StatefulSet", f"pomar-{service}")["spec"]
        assert "volumeClaimTemplates" not in spec
        (data,) = (each for each in spec["template"]["spec"]["volumes"] if each["name"] == "data")
        assert data["emptyDir"] == {"sizeLimit": size[service]}


#: A file of the checkout, and the service whose pods are replaced when it changes.
CHANGES = {
    "prometheus/production/alerts.yaml": "prometheus",
    "prometheus/rules/watchdog.yaml": "prometheus",
    "alertmanager/alertmanager.yml": "alertmanager",
    "blackbox/blackbox.yml": "blackbox-exporter",
    "grafana/dashboards/shop.json": "grafana",
    "grafana/provisioning/dashboards/lab.yaml": "grafana",
}


def checksums(**options) -> dict[str, str | None]:
    """Return the checksum of each service's configuration."""
    objects = render(BUNDLED, **options)
    found = {}
    for service, kind in SERVICES.items():
        metadata = one(objects, kind, f"pomar-{service}")["spec"]["template"]["metadata"]
        found[service] = metadata.get("annotations", {}).get("checksum/config")
    return found


@pytest.mark.parametrize("path", CHANGES)
def test_a_changed_file_replaces_the_pods_that_read_it(tmp_path, path):
    shutil.copytree(CHART, tmp_path / "pomar")
    with (tmp_path / "pomar" / path).open("a") as file:
        file.write("\n")

    before, after = checksums(), checksums(chart=tmp_path / "pomar")
    assert {service for service in SERVICES if before[service] != after[service]} == {CHANGES[path]}


@pytest.mark.parametrize("path", ["alertmanager/alertmanager.yml", "grafana/provisioning/datasources/prometheus.yaml"])
def test_a_file_without_the_text_to_replace_is_refused(tmp_path, path):
    shutil.copytree(CHART, tmp_path / "pomar")
    file = tmp_path / "pomar" / path
    file.write_text(file.read_text().replace("url: http://", "url:  http://"))

    with pytest.raises(ChartError, match=path.rpartition("/")[2]):
        render(BUNDLED, chart=tmp_path / "pomar")


def test_the_releases_secret_stays_far_below_the_limit_of_the_api():
    text = helm("install", "pomar", CHART, "--namespace=shops", "--dry-run=client", "--output=json", values=ALL)
    release = json.loads(text)
    # Helm stores the chart with all its files, and the rendered objects.
    assert {"prometheus/rules/alerts.yaml", "grafana/dashboards/django.json"} <= {
        each["name"] for each in release["chart"]["files"]
    }
    assert not [each["name"] for each in release["chart"]["files"] if each["name"].startswith("prometheus/tests/")]

    stored = base64.b64encode(gzip.compress(json.dumps(release).encode(), 9))
    # The API refuses 1 MiB.
    assert 100 * 1024 < len(stored) < 700 * 1024
