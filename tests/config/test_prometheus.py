"""Prometheus's and Alertmanager's configuration, as their own tools see it."""

import subprocess
from pathlib import Path
from string import Template

import pytest
import yaml

from lab import contract, settings
from lab.parts import PARTS
from lab.paths import ROOT
from tests.programs import program

RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yaml"))
RULE_TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yaml"))
JOBS = {"django", "uwsgi", "nginx", "nginx-log", "blackbox", "prometheus", "alertmanager", "pushgateway"}


def promtool(*arguments: str | Path) -> None:
    """Run promtool and fail the test with what it says."""
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The configuration as the host runtime lays it out."""
    (tmp_path / "prometheus.yml").symlink_to(ROOT / "prometheus" / "prometheus.yml")
    (tmp_path / "rules").symlink_to(ROOT / "prometheus" / "rules")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "lab.yaml").write_text(rendered_targets())
    return tmp_path / "prometheus.yml"


def rendered_targets() -> str:
    """Return the targets of the host runtime with the ports of ``.env``."""
    template = Template((ROOT / "prometheus" / "targets" / "host.yaml").read_text())
    return template.substitute(settings.load({}))


def test_prometheus_accepts_its_configuration(configuration):
    promtool("check", "config", configuration)


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_prometheus_accepts_the_rules(rules):
    promtool("check", "rules", "--lint-fatal", rules)


@pytest.mark.parametrize("tests", RULE_TESTS, ids=lambda path: path.name)
def test_the_rules_give_what_their_tests_say(tests):
    promtool("test", "rules", tests)


def test_every_file_of_rules_has_its_tests():
    assert [path.name for path in RULES] == [path.name for path in RULE_TESTS]


def test_every_recorded_name_is_tested():
    recorded = {
        rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }
    tested = {
        case["expr"]
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["promql_expr_test"]
    }

    assert recorded == tested


def test_every_target_has_its_job_and_readable_labels():
    targets = yaml.safe_load(rendered_targets())

    assert {target["labels"]["job"] for target in targets} == JOBS
    assert {target["labels"]["namespace"] for target in targets} == {"pomar"}
    identities = [(target["labels"]["job"], target["labels"]["instance"]) for target in targets]
    assert len(set(identities)) == len(identities)


def test_the_contract_and_the_targets_name_the_same_jobs():
    assert {entry.job for entry in contract.load()} == JOBS


def test_every_documented_name_is_recorded_or_still_the_name_of_today():
    recorded = {
        rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }
    for entry in contract.load():
        name = entry.documented.partition("{")[0]
        assert name in {"", entry.name} | recorded, f"{name} is documented for {entry.name}, but no rule records it"


def test_each_part_has_ports_of_its_own_and_each_port_a_part():
    used = [port for part in PARTS for port in part.ports]

    assert len(set(used)) == len(used)
    assert {*used, "LOCUST_PORT"} == {name for name in settings.CHECKS if name.endswith("_PORT")}


def test_alertmanager_accepts_its_configuration():
    amtool = program("amtool")

    done = subprocess.run(
        [amtool, "check-config", ROOT / "alertmanager" / "alertmanager.yml"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
