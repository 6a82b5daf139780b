"""Test that promtool accepts Prometheus's configuration and rules, and that the rules pass their promtool tests."""

import re
import subprocess
from pathlib import Path
from string import Template

import pytest
import yaml

from lab import contract
from lab.paths import ROOT
from lab.runtimes import settings
from lab.runtimes.services import SERVICES
from tests.programs import FOR_PROMTOOL, program

RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yaml"))
RULE_TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yaml"))
#: Tests all rules with a shop that runs as several pods.
PODS = "pods.yaml"
JOBS = {"django", "uwsgi", "nginx", "nginx-log", "blackbox", "prometheus", "alertmanager", "pushgateway"}
#: Jobs that exist only on some runtimes, and the service that each one needs.
NEEDING = {"postgres": "postgres", "redis": "redis", "grafana": "grafana"}
#: Jobs that push their metrics to the Pushgateway.
PUSHED = {"lab"}
TARGETS = ROOT / "prometheus" / "targets"


def promtool(*arguments: str | Path) -> None:
    """Run promtool, and fail the test with its output if it fails."""
    done = subprocess.run([program("promtool"), *arguments], env=FOR_PROMTOOL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=["host", "compose"])
def configuration(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Prometheus's configuration file, with its rules and targets laid out as on each runtime in turn."""
    (tmp_path / "prometheus.yml").symlink_to(ROOT / "prometheus" / "prometheus.yml")
    (tmp_path / "rules").symlink_to(ROOT / "prometheus" / "rules")
    (tmp_path / "targets").mkdir()
    for name, targets in targets_of(request.param).items():
        (tmp_path / "targets" / name).write_text(yaml.safe_dump(targets))
    return tmp_path / "prometheus.yml"


def targets_of(runtime: str) -> dict[str, list[dict]]:
    """Return a runtime's target files by name. On the host, they are rendered with the ports from ``.env``."""
    if runtime == "host":
        template = Template((TARGETS / "host.yaml").read_text())
        return {"lab.yaml": yaml.safe_load(template.substitute(settings.load({})))}
    names = {"lab.yaml": "compose.yaml", "grafana.yaml": "grafana.yaml"}
    return {mounted: yaml.safe_load((TARGETS / name).read_text()) for mounted, name in names.items()}


def test_prometheus_accepts_its_configuration(configuration):
    promtool("check", "config", configuration)


def test_prometheus_accepts_the_configuration_for_production():
    promtool("check", "config", ROOT / "prometheus" / "production" / "prometheus.yml")


@pytest.mark.parametrize("folder", ["", "production"], ids=["lab", "production"])
def test_the_base_urls_in_alerts_are_set_once_and_dropped_from_the_labels(folder):
    content = yaml.safe_load((ROOT / "prometheus" / folder / "prometheus.yml").read_text())
    labels = content["global"]["external_labels"]
    rules = ROOT / "prometheus" / (folder or "rules")
    named = {name for file in rules.glob("*.yaml") for name in re.findall(r"externalLabels\.(\w+)", file.read_text())}

    assert labels.keys() == named == {"runbooks_url", "dashboards_url"}
    assert all(re.match(r"https?://", url) for url in labels.values())
    assert content["alerting"]["alert_relabel_configs"] == [{"regex": "|".join(labels), "action": "labeldrop"}]


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.name)
def test_prometheus_accepts_the_rules(rules):
    promtool("check", "rules", "--lint-fatal", rules)


@pytest.mark.parametrize("tests", RULE_TESTS, ids=lambda path: path.name)
def test_the_rules_pass_their_promtool_tests(tests):
    promtool("test", "rules", tests)


def named_in_rules(kind: str) -> set[str]:
    """Return the names of all rules of this kind, which is ``record`` or ``alert``."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule[kind] for group in groups for rule in group["rules"] if kind in rule}


def cases(kind: str) -> list[dict]:
    """Return all promtool test cases of this kind, which is ``alert_rule_test`` or ``promql_expr_test``."""
    tests = [test for path in RULE_TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    return [case for test in tests for case in test.get(kind, [])]


def test_every_rules_file_has_a_tests_file():
    assert [path.name for path in RULES] == [path.name for path in RULE_TESTS if path.name != PODS]


def test_every_recording_rule_is_tested():
    assert named_in_rules("record") == {case["expr"] for case in cases("promql_expr_test")}


def test_every_alert_is_tested():
    assert named_in_rules("alert") == {case["alertname"] for case in cases("alert_rule_test")}


@pytest.mark.parametrize(
    ("runtime", "jobs"), [("host", JOBS), ("compose", JOBS | NEEDING.keys())], ids=["host", "compose"]
)
def test_targets_cover_every_job_and_have_unique_instances(runtime, jobs):
    targets = [target for file in targets_of(runtime).values() for target in file]

    assert {target["labels"]["job"] for target in targets} == jobs
    assert {target["labels"]["namespace"] for target in targets} == {"pomar"}
    identities = [(target["labels"]["job"], target["labels"]["instance"]) for target in targets]
    assert len(set(identities)) == len(identities)


def test_targets_of_a_job_have_the_same_labels_in_both_runtimes():
    def labels(runtime: str) -> dict[str, list[set[str]]]:
        found: dict[str, list[set[str]]] = {}
        for target in (target for file in targets_of(runtime).values() for target in file):
            found.setdefault(target["labels"]["job"], []).append(set(target["labels"]))
        return found

    compose = labels("compose")

    assert labels("host") == {job: compose[job] for job in JOBS}


def test_the_contract_and_the_targets_name_the_same_jobs():
    assert {entry.job for entry in contract.load()} == JOBS | NEEDING.keys() | PUSHED


def test_a_metric_needs_the_same_services_as_its_job():
    assert {entry.needs for entry in contract.load() if entry.job in JOBS | PUSHED} == {()}
    for entry in contract.load():
        if entry.job in NEEDING:
            assert entry.needs == (NEEDING[entry.job],), entry.name


def test_every_documented_name_is_a_recorded_series_or_the_metric_itself():
    recorded = named_in_rules("record")
    for entry in contract.load():
        name = entry.documented.partition("{")[0]
        assert name in {"", entry.name} | recorded, f"{name} is documented for {entry.name}, but no rule records it"


def test_every_port_belongs_to_exactly_one_service():
    used = [port for service in SERVICES for port in service.ports]

    assert len(set(used)) == len(used)
    assert {*used, "LOCUST_PORT"} == {name for name in settings.CHECKS if name.endswith("_PORT")}


#: Files that contain queries: rules, dashboards, docs and the lab's own code.
WITH_QUERIES = {
    "prometheus": ["*.yaml", "rules/*.yaml", "production/*.yaml"],
    "grafana": ["dashboards/*.json"],
    "docs": ["**/*.md"],
    "lab": ["**/*.py"],
}


def half_selected(text: str) -> list[str]:
    """Return the matchers for ``le`` and ``quantile`` in which a whole number has only one of its two spellings.

    Prometheus 3 stores the label value 1 as ``1.0``. Prometheus 2 stores it as exposed, for example as ``1``. So a
    matcher must include both.
    """
    found = re.finditer(r'\b(?:le|quantile)\s*[=!][=~]?\s*\\?"([^"\\]*)', text)
    values = {match[0]: set(match[1].split("|")) for match in found}
    return [
        matcher
        for matcher, ways in values.items()
        if any(
            re.fullmatch(r"\d+(\.0)?", way) and not {f"{float(way):.0f}", f"{float(way):.1f}"} <= ways for way in ways
        )
    ]


@pytest.mark.parametrize("folder", WITH_QUERIES)
def test_queries_match_whole_number_bounds_in_both_spellings(folder):
    files = [path for pattern in WITH_QUERIES[folder] for path in (ROOT / folder).glob(pattern)]

    assert files
    assert {path.name: found for path in files if (found := half_selected(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ('x{le="1"}', ['le="1']),
        ('x{a="b",le="1.0"}', ['le="1.0']),
        (r'{"expr": "x{quantile=\"0\"}"}', [r"quantile=\"0"]),
        ('x{le!="10"}', ['le!="10']),
        ('x{le=~"0.5|1"}', ['le=~"0.5|1']),
        ('x{le=~"1|1.0"}', []),
        ('x{le="0.5"} - x{le="+Inf"}', []),
        ('Panel(title="1")', []),
    ],
)
def test_a_matcher_with_only_one_spelling_is_detected(text, missed):
    assert half_selected(text) == missed
