"""Test the runbooks: every alert has one, all have the same format, and everything that they mention exists."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab import contract
from lab.paths import ROOT
from lab.runtimes import services
from lab.runtimes.services import SERVICES
from tests.config.rules import all_rules
from tests.programs import program

FOLDER = ROOT / "docs" / "runbooks"
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
#: Series that Prometheus or the Pushgateway adds, and job_max_age_seconds, which a batch job pushes.
OWN = {"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling", "scrape_series_added"}
OWN |= {"push_time_seconds", "push_failure_time_seconds", "job_max_age_seconds"}
#: Labels that Prometheus or the target configuration adds to every series.
LABELS = {"job", "instance", "namespace", "le", "quantile"}
OPERATORS = {"and", "or", "unless", "bool", "offset"}
#: The maximum number of different commands in all runbooks. The live test runs each one, which takes time.
MOST_COMMANDS = 12
#: The contract's entries by sample name.
PROMISED = {sample: entry for entry in contract.load() for sample in entry.samples}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Runbook:
    """A parsed runbook."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without the fenced code blocks."""
        return FENCE.sub("", self.text)

    def section(self, heading: str) -> str:
        """Return the text under a heading, or an empty string."""
        found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", self.text, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""

    def blocks(self, language: str, heading: str = "Diagnosis") -> list[str]:
        """Return the fenced code blocks in one language under a heading."""
        return [body.strip() for kind, body in FENCE.findall(self.section(heading)) if kind == language]

    @property
    def queries(self) -> list[str]:
        return self.blocks("promql")

    @property
    def commands(self) -> list[str]:
        """The commands under Diagnosis, without the prompt."""
        return [line.removeprefix("$ ") for block in self.blocks("console") for line in block.splitlines()]

    @property
    def panels(self) -> list[tuple[str, str]]:
        """The dashboard and title of each panel that the runbook names, as in ``**NGINX** → *Passed on to uWSGI*``."""
        plain = re.sub(r"`[^`]*`", "", re.sub(r"\s+", " ", self.prose))
        found, dashboard = [], ""
        for bold, italic in re.findall(r"\*\*([^*]+)\*\*|\*([^*]+)\*", plain):
            if bold:
                dashboard = bold
            else:
                found.append((dashboard, italic))
        return found


RUNBOOKS = [Runbook(path) for path in sorted(FOLDER.glob("*.md")) if path.stem != "README"]
each_runbook = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda runbook: runbook.name)


def runbook_of(alert: dict) -> str:
    """Return the name of the runbook that an alert links to."""
    return alert["annotations"]["runbook_url"].rpartition("/")[2]


def severities_of(runbook: Runbook) -> set[str]:
    """Return the severities of all alerts that link to a runbook."""
    return {alert["labels"]["severity"] for alert in all_rules("alert") if runbook_of(alert) == runbook.name}


def metrics_of(query: str) -> set[str]:
    """Return the names of all metrics in a query."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - OPERATORS


def needs_of(text: str) -> set[str]:
    """Return the services that a query or command needs, for example ``postgres`` or ``redis``."""
    if text.startswith("make "):
        name = text.partition("S=")[2]
        return {services.named(name).needs} - {""} if name else set()
    return {need for name in metrics_of(text) if name in PROMISED for need in PROMISED[name].needs}


def test_metric_names_are_extracted_from_a_query():
    query = (
        'topk(3, sum by (le, a) (rate(x_bucket{b="c(d)"}[5m]))) / on (e) (1 - slo:y:z) or 0 * count by(f)({g="h"}) > 3'
    )

    assert metrics_of(query) == {"x_bucket", "slo:y:z"}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {runbook_of(alert) for alert in all_rules("alert")} == {runbook.name for runbook in RUNBOOKS}


@each_runbook
def test_a_runbook_starts_with_its_alerts_name_and_severity(runbook):
    title, blank, sentence, after = runbook.text.splitlines()[:4]

    assert title == f"# {runbook.name}"
    assert (blank, after) == ("", "")
    severity, _, says = sentence.partition(". ")
    assert severity.startswith("Severity: ")
    assert set(re.findall(r"\w+", severity)) & {"page", "ticket", "none"} == severities_of(runbook)
    assert re.fullmatch(r"[A-Z].*\.", says)
    assert ". " not in says


@each_runbook
def test_a_runbook_has_the_four_headings_and_no_others(runbook):
    assert re.findall(r"^#+ .*", runbook.prose, re.MULTILINE)[1:] == [f"## {heading}" for heading in HEADINGS]
    assert all(FENCE.sub("", runbook.section(heading)).strip() for heading in HEADINGS)


@each_runbook
def test_a_runbook_is_short_enough_to_be_read_at_night(runbook):
    lines = runbook.text.splitlines()

    assert 15 <= sum(bool(line.strip()) for line in lines) <= 45
    assert max(map(len, lines)) <= 120
    assert "!" not in runbook.prose.replace("DAMN !", "")


@each_runbook
def test_only_the_mitigation_has_commands_that_change_something(runbook):
    kinds = {heading: {kind for kind, _ in FENCE.findall(runbook.section(heading))} for heading in HEADINGS}

    assert kinds["Meaning"] == kinds["Impact"] == set()
    assert kinds["Diagnosis"] <= {"promql", "console"}
    assert kinds["Mitigation"] <= {"sh"}


@each_runbook
def test_a_diagnosis_has_queries_a_panel_and_a_command(runbook):
    assert 2 <= len(runbook.queries) <= 5
    assert len(runbook.commands) >= 1
    assert re.search(r"\*\* → \*", runbook.section("Diagnosis"))


@each_runbook
def test_every_query_is_followed_by_what_its_result_means(runbook):
    _, *after = re.split(r"^```promql\n.*?^```\n", runbook.section("Diagnosis"), flags=re.MULTILINE | re.DOTALL)

    assert all(re.match(r"[A-Z0-9`]", each) for each in after)


@each_runbook
def test_every_metric_and_label_in_a_query_exists(runbook):
    recorded = {rule["record"] for rule in all_rules("record")}

    for query in runbook.queries:
        assert metrics_of(query) - PROMISED.keys() - OWN - recorded == set()
        for metric, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", query):
            if metric in PROMISED:
                named = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
                assert named <= {*PROMISED[metric].labels, *LABELS}, metric


@each_runbook
def test_every_query_window_is_one_or_five_minutes(runbook):
    assert {window for query in runbook.queries for window in re.findall(r"\[([^]]*)\]", query)} <= {"1m", "5m"}


def test_prometheus_can_parse_every_query(tmp_path):
    queries = dict.fromkeys(query for runbook in RUNBOOKS for query in runbook.queries)
    rules = [{"record": f"runbook:query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}))

    done = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@each_runbook
def test_every_panel_that_a_runbook_names_exists(runbook):
    dashboards = [json.loads(file.read_text()) for file in (ROOT / "grafana" / "dashboards").glob("*.json")]
    there = {(board["title"], panel["title"]) for board in dashboards for panel in board["panels"]}

    assert runbook.panels
    assert set(runbook.panels) - there == set()


def test_diagnosis_commands_are_few_and_read_only():
    lines = [line for book in RUNBOOKS for block in book.blocks("console") for line in block.splitlines()]
    harmless = {"make status"} | {f"make logs S={each.name}" for each in SERVICES}

    assert {line for line in lines if not line.startswith("$ ")} == set()
    assert {line.removeprefix("$ ") for line in lines} <= harmless
    assert len(set(lines)) <= MOST_COMMANDS


@each_runbook
def test_every_make_target_and_service_in_a_runbook_exists(runbook):
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    used = "\n".join([*runbook.blocks("sh", "Mitigation"), *re.findall(r"`([^`]*)`", runbook.prose)])

    assert set(re.findall(r"\bmake ([a-z-]+)", used)) <= verbs
    assert set(re.findall(r"\bmake restart S=([a-z-]+)", used)) <= {each.name for each in SERVICES}


def test_the_index_is_complete_and_in_the_order_of_the_alerts():
    alerts = yaml.safe_load((ROOT / "prometheus" / "alerts.yaml").read_text())
    page = (FOLDER / "README.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| ([a-z, ]+) \| (.+) \|$", page, re.MULTILINE)

    assert [name for name, *_ in rows] == [link for _, link, *_ in rows]
    assert [(name, severity, says) for name, _, severity, says in rows[: len(alerts)]] == [
        (alert["alert"], alert["severity"], alert["summary"]) for alert in alerts
    ]
    assert [(name, severity) for name, _, severity, _ in rows[len(alerts) :]] == [
        ("ErrorBudgetBurn", "page, ticket"),
        ("Watchdog", "none"),
    ]
    assert max(map(len, page.splitlines())) <= 120
