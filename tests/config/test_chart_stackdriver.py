"""The sidecar of 2018 that sends the metrics to Stackdriver, which the chart keeps for history."""

import pytest

from tests.config.chart import CHART, container, containers, render, shop_pod
from tests.config.policy import METRICS_PORTS, violations
from tests.config.test_chart_monitoring import BUNDLED

SIDECAR = {"stackdriver": {"sidecar": True}}


def sidecar(values: dict) -> dict:
    """Return the container."""
    return container(shop_pod(render(values)), "prometheus-to-sd")


def test_there_is_no_sidecar_by_default():
    assert not [each for each in containers(shop_pod(render())) if each["name"] == "prometheus-to-sd"]


@pytest.mark.parametrize("values", [SIDECAR, {**SIDECAR, **BUNDLED}], ids=["alone", "beside bundled"])
def test_it_has_one_source_for_each_port_named_metrics(values):
    pod = shop_pod(render(values))
    ports = {
        port["containerPort"] for each in containers(pod) for port in each.get("ports", []) if port["name"] == "metrics"
    }

    found = [each for each in sidecar(values)["command"] if each.startswith("--source=")]
    assert sorted(found) == sorted(f"--source=:http://localhost:{port}/metrics" for port in ports)
    # Django's, uWSGI's, NGINX's and those of NGINX's log.
    assert ports == {METRICS_PORTS[name] for name in ("app", "uwsgi-exporter", "nginx-exporter", "access-log-exporter")}


def test_it_names_its_pod_as_in_2018():
    found = sidecar(SIDECAR)

    fields = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in found["env"]}
    assert fields == {"POD_ID": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    assert {"--pod-id=$(POD_ID)", "--namespace-id=$(POD_NAMESPACE)"} <= set(found["command"])


def test_it_follows_the_policy():
    assert violations(render(SIDECAR)) == []


def test_values_yaml_says_that_it_is_kept_for_history():
    _, _, text = (CHART / "values.yaml").read_text().partition("# Sends the metrics to Google Cloud Monitoring")

    assert "Kept for history" in text.partition("stackdriver:")[0]
