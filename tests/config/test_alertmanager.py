"""Test Alertmanager's configuration: its syntax, its receivers, and its routes and inhibition rules."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from lab import times
from lab.paths import ROOT, STATE
from lab.runtimes import settings
from lab.runtimes.host.prepare import RECEIVER_IN_CONTAINERS, alertmanager_yml
from lab.runtimes.ports import free_ports
from tests.config.front import ending
from tests.config.rules import alert_names
from tests.eventually import eventually
from tests.programs import program

CONFIGURATION = ROOT / "alertmanager" / "alertmanager.yml"
EXAMPLES = sorted((ROOT / "alertmanager" / "examples").glob("*.yml"))
ALL = [CONFIGURATION, *EXAMPLES]
#: The alerts with the lab's time windows, and the same alerts with production time windows.
ALERTS = [ROOT / "prometheus" / folder / "alerts.yaml" for folder in ("rules", "production")]
#: This alert fires if no order was placed in a time window. It resolves as soon as one is placed.
ENDS_BEFORE_ITS_WINDOW = "NoOrders"


def amtool(*arguments: str | Path) -> str:
    """Run amtool and return its output. If amtool fails, fail the test with that output."""
    done = subprocess.run([program("amtool"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def read(path: Path) -> dict:
    """Return a parsed configuration file."""
    return yaml.safe_load(path.read_text())


def receivers(path: Path) -> list[str]:
    """Return the names of the receivers in a configuration file."""
    return [each["name"] for each in read(path)["receivers"]]


def webhooks(path: Path) -> set[str]:
    """Return all webhook URLs in a configuration file."""
    return {webhook["url"] for receiver in read(path)["receivers"] for webhook in receiver["webhook_configs"]}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_alertmanager_accepts_the_configuration(path):
    amtool("check-config", path)


def test_on_the_host_alerts_are_sent_to_the_receiver_port_on_localhost(tmp_path):
    chosen = settings.load({"RECEIVER_PORT": "8096"})
    (tmp_path / "alertmanager.yml").write_text(alertmanager_yml(chosen))

    amtool("check-config", tmp_path / "alertmanager.yml")
    assert webhooks(tmp_path / "alertmanager.yml") == {"http://127.0.0.1:8096/"}
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
def test_an_alert_goes_to_the_right_receiver(path, labels, receiver):
    amtool("config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *labels)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_the_same_receivers_and_contains_no_secrets(path):
    secrets = re.findall(r"^\s*-?\s*(\w*(?:password|key|secret|token|credentials|api_url)\w*):", path.read_text(), re.M)

    assert secrets
    assert [name for name in secrets if not name.endswith("_file")] == []
    assert receivers(path) == receivers(CONFIGURATION)


def named_by_inhibition() -> list[str]:
    """Return every alert name or pattern in the inhibition rules."""
    matchers = [
        matcher
        for rule in read(CONFIGURATION)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    found = [re.fullmatch(r'alertname=~?"(.+)"', matcher) for matcher in matchers]
    return sorted({name for match in found if match for name in match[1].split("|")})


@pytest.mark.parametrize("name", named_by_inhibition())
def test_inhibition_rules_name_only_alerts_that_exist(name):
    assert any(re.fullmatch(name, alert) for alert in alert_names())


def test_the_heartbeat_is_never_inhibited():
    targets = [matcher for rule in read(CONFIGURATION)["inhibit_rules"] for matcher in rule["target_matchers"]]
    patterns = [match[1] for matcher in targets if (match := re.fullmatch(r'alertname=~?"(.+)"', matcher))]

    assert patterns
    assert not any(re.fullmatch(pattern, "Watchdog") for pattern in patterns)
    assert not any(re.fullmatch(pattern, "ShopUnreachable") for pattern in patterns)


def matched(matchers: list[str], alerts: dict[str, dict]) -> list[dict]:
    """Return the alerts whose names match the ``alertname`` matchers."""
    patterns = [match[1] for each in matchers if (match := re.fullmatch(r'alertname=~?"(.+)"', each))]
    return [rule for name, rule in alerts.items() if any(re.fullmatch(pattern, name) for pattern in patterns)]


def inhibited(path: Path) -> Iterator[tuple[dict, dict]]:
    """Yield pairs of alerts from one rule file. The first alert of each pair inhibits the second.

    Error budget alerts are not included, because they are in another file. NoOrders is skipped, because it resolves
    before its window has passed.
    """
    rules = [rule for group in read(path)["groups"] for rule in group["rules"]]
    alerts = {rule["alert"]: rule for rule in rules}
    for inhibition in read(CONFIGURATION)["inhibit_rules"]:
        for cause in matched(inhibition["source_matchers"], alerts):
            for silenced in matched(inhibition["target_matchers"], alerts):
                if silenced["alert"] != ENDS_BEFORE_ITS_WINDOW:
                    yield cause, silenced


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.parent.name)
def test_a_cause_outlasts_the_windows_of_the_alerts_that_it_inhibits(path):
    pairs = list(inhibited(path))

    assert {cause["alert"] for cause, _ in pairs} == {
        *("NginxDown", "UwsgiDown", "DatabaseDown", "PostgresDown", "CacheDown", "ShopUnreachable")
    }
    for cause, silenced in pairs:
        kept = times.seconds(cause.get("keep_firing_for", "0s"))
        windows = re.findall(r"\[(\w+)\]", silenced["expr"])
        assert kept >= max(map(times.seconds, windows), default=0), (cause["alert"], silenced["alert"])
        # If the inhibited alert has its own keep_firing_for, the cause must keep firing for longer than that.
        assert kept > times.seconds(silenced.get("keep_firing_for", "0s")), (cause["alert"], silenced["alert"])


@pytest.fixture
def alertmanager(tmp_path) -> Iterator[str]:
    """A running Alertmanager with the lab's configuration, and the URL of its alerts. No receiver is running."""
    port, receiver = free_ports(2)
    (tmp_path / "alertmanager.yml").write_text(alertmanager_yml(settings.load({"RECEIVER_PORT": str(receiver)})))
    started = shutil.which("alertmanager") or program("prometheus-alertmanager")
    command = ["sh", ROOT / "host" / "with-share.sh", started]
    command += [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    url, environment = f"http://127.0.0.1:{port}", {**os.environ, "LAB": str(STATE)}
    with (tmp_path / "log").open("wb") as log, ending(command, env=environment, stdout=log, stderr=log):
        eventually(lambda: requests.get(f"{url}/-/ready", timeout=2).ok, because="Alertmanager starts", timeout=20)
        yield f"{url}/api/v2/alerts"


#: For each case: the causes, each with its pod, and for each of the other alerts that fire, its pod and whether it is
#: inhibited. Alerts without a pod add up all pods; on a runtime where the shop is always one pod, no alert has a pod.
FIRING = {
    "the shop is always one pod": (
        [("UwsgiDown", "")],
        {("UpstreamFailing", ""): True, ("ServerErrors", ""): True, ("DatabaseErrors", ""): False},
    ),
    "NGINX is down in one of several pods": (
        [("NginxDown", "a")],
        {("NoOrders", "a"): True, ("NoOrders", "b"): False, ("NoOrders", ""): False, ("UpstreamFailing", ""): False},
    ),
    "uWSGI is down in one of several pods": (
        [("UwsgiDown", "a")],
        {("ServerErrors", "a"): True, ("ServerErrors", ""): False, ("MetricsFreshnessBurnFast", ""): False},
    ),
    "the database cannot be reached by the only pod": (
        [("DatabaseDown", "")],
        {("DatabaseErrors", ""): True, ("CheckoutFailing", ""): True, ("UpstreamFailing", ""): False},
    ),
    "the database cannot be reached by one of several pods": (
        [("DatabaseDown", "a")],
        {("DatabaseErrors", "a"): True, ("DatabaseErrors", ""): False, ("CheckoutFailing", ""): False},
    ),
    "PostgreSQL is down, in a pod of its own": (
        [("PostgresDown", "postgres")],
        {("DatabaseDown", "a"): True, ("DatabaseErrors", ""): True, ("UpstreamFailing", ""): False},
    ),
    "all pods are down": (
        [("UwsgiDown", "a"), ("UwsgiDown", "b"), ("ShopUnreachable", "")],
        {("ServerErrors", ""): True, ("NoOrders", ""): True, ("UpstreamFailing", ""): False},
    ),
}


@pytest.mark.parametrize(("causes", "others"), FIRING.values(), ids=FIRING)
def test_a_cause_in_one_of_several_pods_inhibits_only_alerts_about_that_pod(alertmanager, causes, others):
    firing = [{"alertname": name, "pod": pod, "severity": "page"} for name, pod in [*causes, *others]]
    for labels in firing:
        if labels["alertname"] == "ShopUnreachable":
            labels["instance"] = "https://localhost:8443"
    requests.post(alertmanager, json=[{"labels": labels} for labels in firing], timeout=5).raise_for_status()

    def inhibited_alerts() -> dict[tuple[str, str], bool]:
        return {
            (each["labels"]["alertname"], each["labels"].get("pod", "")): bool(each["status"]["inhibitedBy"])
            for each in requests.get(alertmanager, timeout=5).json()
        }

    # Each case has an inhibited alert, which shows that Alertmanager knows the cause.
    wanted = dict.fromkeys(causes, False) | others
    eventually(inhibited_alerts, because="the right alerts are inhibited", wanted=lambda seen: seen == wanted)
