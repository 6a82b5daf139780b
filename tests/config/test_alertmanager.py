"""Alertmanager's configuration: accepted, routed as meant, and silencing only what there is."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lab import settings
from lab.host.prepare import RECEIVER_IN_CONTAINERS, alertmanager_yml
from lab.paths import ROOT
from tests.programs import program

CONFIGURATION = ROOT / "alertmanager" / "alertmanager.yml"
EXAMPLES = sorted((ROOT / "alertmanager" / "examples").glob("*.yml"))
ALL = [CONFIGURATION, *EXAMPLES]
RULES = ROOT / "prometheus" / "rules"


def amtool(*arguments: str | Path) -> str:
    """Run amtool and return what it printed; fail the test with what it says when it refuses."""
    done = subprocess.run([program("amtool"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def read(path: Path) -> dict:
    """Return a configuration."""
    return yaml.safe_load(path.read_text())


def receivers(path: Path) -> list[str]:
    """Return the names of its receivers."""
    return [each["name"] for each in read(path)["receivers"]]


def webhooks(path: Path) -> set[str]:
    """Return the addresses of all its webhooks."""
    return {webhook["url"] for receiver in read(path)["receivers"] for webhook in receiver["webhook_configs"]}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_alertmanager_accepts_it(path):
    amtool("check-config", path)


def test_on_the_host_the_receivers_are_at_this_machines_port(tmp_path):
    chosen = settings.load({"RECEIVER_PORT": "8096"})
    (tmp_path / "alertmanager.yml").write_text(alertmanager_yml(chosen))

    amtool("check-config", tmp_path / "alertmanager.yml")
    assert webhooks(tmp_path / "alertmanager.yml") == {"http://localhost:8096/"}
    assert webhooks(CONFIGURATION) == {RECEIVER_IN_CONTAINERS}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=UwsgiDown", "severity=page"], "page"),
        (["alertname=SlowQueries", "severity=ticket"], "ticket"),
        (["alertname=Watchdog", "severity=none"], "watchdog"),
        (["alertname=SomethingNew"], "ticket"),
    ],
    ids=["page", "ticket", "watchdog", "no severity"],
)
def test_an_alert_goes_to_whom_it_is_for(path, labels, receiver):
    amtool("config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *labels)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_the_labs_receivers_and_no_secret(path):
    secrets = re.findall(r"^\s*-?\s*(\w*(?:password|key|secret|token|credentials|api_url)\w*):", path.read_text(), re.M)

    assert secrets
    assert [name for name in secrets if not name.endswith("_file")] == []
    assert receivers(path) == receivers(CONFIGURATION)


def alert_names() -> set[str]:
    """Return the names of all alerts in Prometheus's rules."""
    groups = [group for path in RULES.glob("*.yaml") for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def named_by_inhibition() -> list[str]:
    """Return each name, or pattern of one, that the rules of inhibition have for an alert."""
    matchers = [
        matcher
        for rule in read(CONFIGURATION)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    found = [re.fullmatch(r'alertname=~?"(.+)"', matcher) for matcher in matchers]
    return sorted({name for match in found if match for name in match[1].split("|")})


@pytest.mark.skipif(not (RULES / "alerts.yaml").exists(), reason="this checkout has no alerts but the Watchdog")
@pytest.mark.parametrize("name", named_by_inhibition())
def test_inhibition_names_only_alerts_that_there_are(name):
    assert any(re.fullmatch(name, alert) for alert in alert_names())


def test_the_heartbeat_is_never_inhibited():
    targets = [matcher for rule in read(CONFIGURATION)["inhibit_rules"] for matcher in rule["target_matchers"]]
    patterns = [match[1] for matcher in targets if (match := re.fullmatch(r'alertname=~?"(.+)"', matcher))]

    assert patterns
    assert not any(re.fullmatch(pattern, "Watchdog") for pattern in patterns)
    assert not any(re.fullmatch(pattern, "ShopUnreachable") for pattern in patterns)
