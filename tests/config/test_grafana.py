"""Grafana's provisioning as it stands in the files: one read-only source, read-only dashboards that use it."""

import json
import re

import pytest
import yaml

from lab.paths import ROOT

GRAFANA = ROOT / "grafana"
DASHBOARDS = [json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))]


def test_the_only_source_is_the_labs_prometheus_and_cannot_be_edited():
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yaml").read_text())[
        "datasources"
    ]
    interval = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]

    assert (source["url"], source["editable"]) == ("http://prometheus:9090", False)
    assert source["jsonData"]["timeInterval"] == interval


def test_dashboards_cannot_be_changed_in_the_browser():
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "lab.yaml").read_text())["providers"]
    mounts = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]["volumes"]

    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_grafana_shows_visitors_everything_and_lets_them_change_nothing():
    environment = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]["environment"]

    assert (environment["GF_AUTH_ANONYMOUS_ENABLED"], environment["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == ("true", "Viewer")
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert not any("INSTALL_PLUGINS" in name for name in environment)


def test_uids_are_their_own():
    uids = [dashboard["uid"] for dashboard in DASHBOARDS]

    assert len(set(uids)) == len(uids) > 0


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard["uid"])
def test_every_panel_has_a_title_a_unit_a_description_and_the_one_source(dashboard):
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "prometheus"
            windows = re.findall(r"\[([^]]+)\]", target["expr"])
            assert set(windows) <= {"$__rate_interval"}
