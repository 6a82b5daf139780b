"""Test Grafana's provisioning files: they define one datasource and the dashboards, all read-only."""

import yaml

from lab.paths import ROOT

GRAFANA = ROOT / "grafana"


def test_the_only_datasource_is_prometheus_and_cannot_be_edited():
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
    assert f"./grafana/dashboards:{provider['options']['path']}:ro,z" in mounts


def test_anonymous_users_can_view_everything_and_change_nothing():
    environment = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]["environment"]

    assert (environment["GF_AUTH_ANONYMOUS_ENABLED"], environment["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == ("true", "Viewer")
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in environment
    assert not any("INSTALL_PLUGINS" in name for name in environment)


def test_grafana_neither_installs_nor_updates_a_plugin():
    """To update a bundled plugin, Grafana 13.2 and later remove it first, which a read-only file system prevents."""
    environment = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]["environment"]

    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert environment["GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES"] == "false"
