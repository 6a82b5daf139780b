"""Test the alert and objective tables and the rules generated from them.

A mutation test checks that the promtool tests detect every mistake in a rule.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from lab import contract, times
from lab.alerts import definitions, rules
from lab.errors import LabError
from lab.paths import ROOT
from tests.programs import FOR_PROMTOOL, program

TESTS = ROOT / "prometheus" / "tests"
LAB = {name: ROOT / "prometheus" / "rules" / f"{name}.yaml" for name in ("alerts", "objectives")}
PRODUCTION = {name: ROOT / "prometheus" / "production" / f"{name}.yaml" for name in ("alerts", "objectives")}

ALERT = """\
- alert: Broken
  severity: page
  expr: sum(rate(answers_total[$window])) > $threshold
  window: 5m
  threshold: 0.5
  unit: share
  for: 1m
  summary: It is broken.
  description: $value, more than $threshold.
  dashboard: pomar-lab
"""
OBJECTIVE = """\
- objective: all-good
  promise: 9 of 10 are good.
  target: 0.9
  total: sum(rate(answers_total[$window]))
  bad: sum(rate(answers_total{status="500"}[$window]))
  dashboard: pomar-lab
"""


def rules_of(path: Path) -> list[dict]:
    """Return all rules in a file."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


# Times


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("30s", 30), ("5m", 300), ("6h", 21_600), ("30d", 2_592_000)])
def test_a_duration_is_parsed(text, seconds):
    assert times.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "1.5h", "1h30m", "5w", "5M", "5m\n"])
def test_an_invalid_duration_is_rejected(text):
    with pytest.raises(ValueError, match="is not a duration such as 30s, 5m, 6h or 3d"):
        times.seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (5, "5s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5760, "96m"), (172_800, "2d")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds, text):
    assert times.text(seconds) == text
    assert times.seconds(text) == seconds


@pytest.mark.parametrize(
    ("length", "factor", "shorter"),
    [
        ("0s", 15, "0s"),
        # Round up to whole scrapes: an alert that must wait for 4 s waits for the next evaluation anyway.
        ("1m", 15, "5s"),
        ("2m", 15, "10s"),
        ("5m", 15, "20s"),
        ("1h", 15, "4m"),
        ("30d", 15, "2d"),
        ("1m", 1, "1m"),
        ("7s", 1, "7s"),
        ("0s", 1, "0s"),
    ],
)
def test_a_duration_is_shortened_to_whole_scrapes(length, factor, shorter):
    assert times.shortened(length, factor) == shorter


def test_a_window_is_at_least_four_scrapes():
    assert times.window("1m", 15) == "20s"
    assert times.window("15m", 15) == "1m"
    assert times.window("5m", 1) == "5m"


# The tables


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- [", "cannot be read"),
        ("alert: Broken", "must be a list of mappings"),
        ("- just words", "must be a list of mappings"),
        (ALERT.replace("alert: Broken", "severity: page", 1), "a row without a name is missing the field alert"),
        (ALERT + "  colour: red\n", "Broken has unknown fields: colour"),
        (ALERT + "  1: red\n", "Broken has unknown fields: 1"),
        (
            ALERT.replace("  for: 1m\n", "").replace("  summary: It is broken.\n", ""),
            "Broken is missing the field for, summary",
        ),
        (ALERT + ALERT, "has two rows named Broken"),
        (ALERT.replace("page", "urgent"), "Broken has the unknown severity 'urgent': use page or ticket"),
        (ALERT.replace("unit: share", "unit: parsecs"), "Broken has the unknown unit 'parsecs': use one of share"),
        (ALERT.replace("  unit: share\n", ""), "Broken has the unknown unit '': use one of share"),
        (ALERT.replace("for: 1m", "for: soon"), "for of Broken: 'soon' is not a duration"),
        (ALERT.replace("for: 1m", "for: 60"), "for of Broken is 60: it must be text"),
        (ALERT.replace("window: 5m", "window: 1h30m"), "window of Broken: '1h30m' is not a duration"),
        (ALERT.replace("[$window]", "[5m]"), "Broken must either set window and use $window, or do neither"),
        (ALERT.replace("  window: 5m\n", ""), "Broken must either set window and use $window, or do neither"),
        (ALERT.replace("$threshold", "0.5"), "Broken must either set threshold and use $threshold, or do neither"),
        (ALERT.replace("  threshold: 0.5\n", ""), "Broken must either set threshold and use $threshold, or do neither"),
        (ALERT.replace("threshold: 0.5", "threshold: half"), "threshold of Broken is 'half': it must be a number"),
        (ALERT.replace("threshold: 0.5", "threshold: true"), "threshold of Broken is True: it must be a number"),
        (ALERT.replace("It is broken.", ""), "summary of Broken is None: it must be text"),
        (ALERT + "  needs: postgres\n", "needs of Broken is 'postgres': it must be a list"),
        (ALERT + "  keep: a while\n", "keep of Broken: 'a while' is not a duration"),
        (ALERT + "  keep: 360\n", "keep of Broken is 360: it must be text"),
    ],
)
def test_an_error_in_the_alerts_table_names_the_row(tmp_path, text, sentence):
    path = tmp_path / "alerts.yaml"
    path.write_text(text)

    with pytest.raises(LabError) as error:
        definitions.alerts(path)

    assert error.value.message.startswith("alerts.yaml")
    assert sentence in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- [", "cannot be read"),
        ("target: 0.9", "must be a list of mappings"),
        (OBJECTIVE + "  for: 1m\n", "all-good has unknown fields: for"),
        (OBJECTIVE.replace("  target: 0.9\n", ""), "all-good is missing the field target"),
        (OBJECTIVE + OBJECTIVE, "has two rows named all-good"),
        (OBJECTIVE.replace("0.9", "0"), "the target of all-good is 0: it must be between 0 and 1"),
        (OBJECTIVE.replace("0.9", "1"), "the target of all-good is 1: it must be between 0 and 1"),
        (OBJECTIVE.replace("0.9", "99.9"), "the target of all-good is 99.9: it must be between 0 and 1"),
        (OBJECTIVE.replace("0.9", "99%"), "target of all-good is '99%': it must be a number"),
        (OBJECTIVE.replace('total{status="500"}[$window]', "total[5m]"), "bad of all-good does not use $window"),
        (OBJECTIVE.replace("answers_total[$window]", "answers_total[5m]"), "total of all-good does not use $window"),
    ],
)
def test_an_error_in_the_objectives_table_names_the_row(tmp_path, text, sentence):
    path = tmp_path / "objectives.yaml"
    path.write_text(text)

    with pytest.raises(LabError) as error:
        definitions.objectives(path)

    assert error.value.message.startswith("objectives.yaml")
    assert sentence in error.value.message
    assert "\n" not in error.value.message


@pytest.mark.parametrize("read", [definitions.alerts, definitions.objectives])
def test_a_missing_table_is_reported(tmp_path, read):
    with pytest.raises(LabError, match="cannot be read"):
        read(tmp_path / "none.yaml")


def test_a_valid_row_is_parsed(tmp_path):
    path = tmp_path / "alerts.yaml"
    path.write_text(ALERT)

    (alert,) = definitions.alerts(path)

    assert (alert.alert, alert.hold, alert.window, alert.threshold, alert.keep) == ("Broken", "1m", "5m", 0.5, "")


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("share", 0.05, "5%"),
        ("share", 0.001, "0.1%"),
        ("seconds", 0.1, "0.1 s"),
        ("seconds", 90, "90 s"),
        ("seconds", 600, "10 minutes"),
        ("seconds", 7200, "2 hours"),
        ("seconds", 1_209_600, "14 days"),
        ("per_second", 0.5, "0.5/s"),
        ("bytes", 150_000_000, "150MB"),
        ("count", 20_000, "20,000"),
    ],
)
def test_a_threshold_is_formatted_with_its_unit(unit, value, text):
    assert definitions.UNITS[unit][1](value) == text


# The rules


def test_the_rules_files_are_up_to_date_with_the_tables():
    for path, content in rules.files().items():
        assert path.read_text() == content, f"{path.relative_to(ROOT)} is out of date: run `make generate`"


@pytest.mark.parametrize(("factor", "kept"), [(1, "6m"), (15, "25s")])
def test_keep_firing_for_is_scaled_to_whole_scrapes(tmp_path, factor, kept):
    path = tmp_path / "alerts.yaml"
    path.write_text(ALERT + "  keep: 6m\n")

    (alert,) = definitions.alerts(path)

    assert rules.alert_rule(alert, factor)["keep_firing_for"] == kept


@pytest.mark.parametrize("factor", [1, 15])
def test_an_alert_without_keep_has_no_keep_firing_for(tmp_path, factor):
    path = tmp_path / "alerts.yaml"
    path.write_text(ALERT)

    (alert,) = definitions.alerts(path)

    assert "keep_firing_for" not in rules.alert_rule(alert, factor)


def without_times(text: str) -> str:
    """Return a rule's text with all durations replaced, including those in the names of recorded series."""
    return re.sub(
        r"\b(\d+[smhd])\b|(?<=:rate)\d+[smhd]\b|(?<= / )(?:20|300)(?= unless)|(?<=time\(\) - )(?:20|60|300|900)\b",
        "TIME",
        text,
    )


@pytest.mark.parametrize("name", LAB)
def test_lab_and_production_rules_differ_only_in_durations(name):
    lab, production = (yaml.safe_load(files[name].read_text()) for files in (LAB, PRODUCTION))

    assert json.loads(without_times(json.dumps(lab))) == json.loads(without_times(json.dumps(production)))
    assert lab != production


def test_the_production_rules_have_the_durations_of_the_table():
    made = {rule["alert"]: rule for rule in rules_of(PRODUCTION["alerts"])}

    assert list(made) == [alert.alert for alert in definitions.alerts()]
    for alert in definitions.alerts():
        assert times.seconds(made[alert.alert]["for"]) == times.seconds(alert.hold), alert.alert
        assert made[alert.alert].get("keep_firing_for", "") == alert.keep, alert.alert
        windows = re.findall(r"\[(\w+)\]", made[alert.alert]["expr"])
        assert {times.seconds(each) for each in windows} <= {times.seconds(alert.window or "0s")}, alert.alert


def test_the_lab_rules_are_fifteen_times_faster_in_whole_scrapes():
    made = {rule["alert"]: rule for rule in rules_of(LAB["alerts"])}

    for alert in definitions.alerts():
        for length, field in ((alert.hold, "for"), (alert.keep or "0s", "keep_firing_for")):
            shorter = times.seconds(made[alert.alert].get(field, "0s"))
            assert shorter % 5 == 0
            assert 0 <= shorter - times.seconds(length) / 15 < 5, alert.alert


def test_every_window_in_the_lab_rules_is_at_least_four_scrapes():
    windows = [
        each for path in LAB.values() for rule in rules_of(path) for each in re.findall(r"\[(\w+)\]", rule["expr"])
    ]

    assert len(windows) > 50
    assert min(map(times.seconds, windows)) >= 20


@pytest.mark.parametrize(
    "path", [*LAB.values(), *PRODUCTION.values()], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_alert_has_a_severity_a_description_and_links(path):
    dashboards = {json.loads(file.read_text())["uid"] for file in (ROOT / "grafana" / "dashboards").glob("*.json")}

    for rule in (rule for rule in rules_of(path) if "alert" in rule):
        assert rule["labels"].keys() == {"severity"}
        assert rule["labels"]["severity"] in definitions.SEVERITIES
        texts = rule["annotations"]
        assert texts.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
        assert all(texts.values()), rule["alert"]
        assert not re.search(r"\$(?!value|labels)", texts["summary"] + texts["description"]), rule["alert"]
        runbook = texts["runbook_url"].removeprefix("{{ $externalLabels.runbooks_url }}/")
        assert (ROOT / "docs" / "runbooks" / f"{runbook}.md").exists(), rule["alert"]
        assert texts["dashboard_url"].removeprefix("{{ $externalLabels.dashboards_url }}/") in dashboards, rule["alert"]


def test_the_burn_rate_alerts_match_the_sre_workbook():
    """The test repeats the workbook's burn rates and times. In the lab, all times are 15 times shorter."""
    budgets = {each.objective: f"{1 - each.target:.6g}" for each in definitions.objectives()}
    pairs = {
        "production": {
            "page": (("14.4", "1h", "5m"), ("6", "6h", "30m")),
            "ticket": (("3", "1d", "2h"), ("1", "3d", "6h")),
        },
        "rules": {
            "page": (("14.4", "4m", "20s"), ("6", "24m", "2m")),
            "ticket": (("3", "96m", "8m"), ("1", "288m", "24m")),
        },
    }
    holds = {"production": {"page": "0s", "ticket": "30m"}, "rules": {"page": "0s", "ticket": "2m"}}
    seen = Counter()
    for path in (LAB["objectives"], PRODUCTION["objectives"]):
        for group in yaml.safe_load(path.read_text())["groups"]:
            objective = group["name"].removeprefix("objective-")
            for rule in (rule for rule in group["rules"] if "alert" in rule):
                both = [
                    " and ".join(
                        f'slo:error_ratio:rate{window}{{objective="{objective}"}} > {rate} * {budgets[objective]}'
                        for window in windows
                    )
                    for rate, *windows in pairs[path.parent.name][rule["labels"]["severity"]]
                ]
                assert rule["expr"] == " or ".join(f"({each})" for each in both)
                assert rule["for"] == holds[path.parent.name][rule["labels"]["severity"]]
                seen[path.parent.name] += 1
    assert seen == {"rules": 10, "production": 10}


# Patterns for the metrics, labels and thresholds in an expression
WORDS = (
    r"by|on|and|or|unless|sum|min|max|avg|count|(?:rate|increase)(?:_from_zero)?|vector|time|group_left|offset|window"
    r"|histogram_quantile|\w+_over_time"
)
SELECTOR = re.compile(r"\{([^}]*)\}")
MATCHER = re.compile(r'(?P<label>\w+)(?P<operator>=~|!~|!=|=)"(?P<value>[^"]*)"')
BY = re.compile(r"\bby \(([^)]*)\)")
ON = re.compile(r"\bon \([^)]*\)")
ON_INSTANCE = re.compile(r"(?<=\bon \()instance(?=\))")
#: An aggregation over the instances of the shop.
OVER_INSTANCES = re.compile(r"\b(?:sum|max|min|avg)(?=\(| by \((?!job|instance))")
THRESHOLD = re.compile(r"(?:[<>]=?|==|!=) (?P<number>\d+(?:\.\d+)?)")


def spans_of_names(expr: str) -> list[tuple[int, int]]:
    """Return the start and end of each metric name in an expression. Functions and labels are not metric names."""
    hidden = [
        found.span() for pattern in (SELECTOR, BY, ON, re.compile(r"\[[^\]]*\]")) for found in pattern.finditer(expr)
    ]
    return [
        found.span()
        for found in re.finditer(rf"(?<![\w:.])(?!(?:{WORDS})\b)[a-z][a-z0-9_:]*", expr)
        if not any(start <= found.start() < end for start, end in hidden)
    ]


def names_in(expr: str) -> set[str]:
    """Return the metric names in an expression."""
    return {expr[start:end] for start, end in spans_of_names(expr)}


def test_every_metric_in_a_rule_has_a_known_source():
    promised = {sample for entry in contract.load() for sample in entry.samples}
    recorded = {rule["record"] for path in LAB.values() for rule in rules_of(path) if "record" in rule}
    #: Prometheus adds the first two. The Pushgateway adds push_time_seconds. A batch job pushes job_max_age_seconds.
    own = {"up", "scrape_samples_post_metric_relabeling", "push_time_seconds", "job_max_age_seconds"}

    asked = {name for path in LAB.values() for rule in rules_of(path) for name in names_in(rule["expr"])}

    assert len(asked) > 40
    assert asked - promised - recorded - own == set()


def test_an_alert_needs_the_same_services_as_its_metrics():
    needs = {name: set(entry.needs) for entry in contract.load() for name in (entry.name, *entry.samples)}
    for alert in definitions.alerts():
        asked = set().union(*(needs.get(name, set()) for name in names_in(alert.expr)))
        assert set(alert.needs) == asked, alert.alert


# Mutations


@dataclass(frozen=True)
class Trial:
    """Rules and their promtool tests, with or without a mistake."""

    #: What the trial changes. The test prints it if promtool does not detect the mistake.
    name: str
    rules: dict
    tests: dict

    def written_to(self, folder: Path) -> Path:
        """Write the rules file and the test file, and return the path of the test file."""
        folder.mkdir()
        (folder / "rules.yaml").write_text(json.dumps(self.rules))
        path = folder / "tests.yaml"
        path.write_text(json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "5s", **self.tests}))
        return path


def replaced(text: str, span: tuple[int, int], new: str) -> str:
    """Return ``text`` with one span replaced by ``new``."""
    return text[: span[0]] + new + text[span[1] :]


def mistakes(expr: str) -> Iterator[tuple[str, str]]:
    """For each possible mistake in an expression, yield its kind and the expression with the mistake."""
    for _, end in spans_of_names(expr):
        yield "metric", replaced(expr, (end, end), "_not")
    for found in SELECTOR.finditer(expr):
        for one in MATCHER.finditer(expr, *found.span(1)):
            yield "label", replaced(expr, one.span("label"), f"{one['label']}_not")
            opposite = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[one["operator"]]
            yield "operator", replaced(expr, one.span("operator"), opposite)
            # Change each alternative in a value separately.
            for part in re.finditer(r"[^|]+|^$", one["value"]):
                start = one.start("value") + part.end()
                yield "value", replaced(expr, (start, start), "not")
    for found in BY.finditer(expr):
        for one in re.finditer(r"\w+", found[1]):
            start = found.start(1) + one.end()
            yield "label", replaced(expr, (start, start), "_not")
    for found in ON_INSTANCE.finditer(expr):
        yield "label", replaced(expr, found.span(), "")
    for found in OVER_INSTANCES.finditer(expr):
        yield "aggregation", replaced(expr, found.span(), "max" if found[0] == "sum" else "sum")
    for found in THRESHOLD.finditer(expr):
        number = float(found["number"])
        for other in (number * 1.25, number * 0.8) if number not in (0, 1) else (number + 1, number - 1):
            yield "threshold", replaced(expr, found.span("number"), f"{other:.12g}")


@cache
def cases_of(name: str) -> list[dict]:
    """Return all promtool test cases for one rules file: those with one shop, and those with several pods."""
    files = (TESTS / f"{name}.yaml", TESTS / "pods.yaml")
    return [case for file in files for case in yaml.load(file.read_text(), yaml.CSafeLoader)["tests"]]


def alert_tests(name: str) -> dict:
    """Return the promtool tests for an alert."""
    tests = []
    for one in cases_of("alerts"):
        if mine := [case for case in one.get("alert_rule_test", []) if case["alertname"] == name]:
            tests.append(one | {"alert_rule_test": mine})
    return {"tests": tests}


def objective_tests(objective: str) -> dict:
    """Return the promtool tests for an objective's recorded series."""
    label = f'objective="{objective}"'
    tests = []
    for one in cases_of("objectives"):
        cases = []
        for case in one.get("promql_expr_test", []):
            samples = [sample for sample in case["exp_samples"] if label in sample["labels"]]
            if samples or not case["exp_samples"]:
                cases.append(case | {"exp_samples": samples})
        if cases:
            tests.append({"interval": one["interval"], "input_series": one["input_series"], "promql_expr_test": cases})
    return {"tests": tests}


def trials() -> Iterator[tuple[str, Trial]]:
    """Yield each trial with its kind of mistake. The first trial for each table row has no mistake (``none``).

    The mistakes are made in the table's expression, before ``rate_from_zero`` is expanded.
    """

    def of_alert(rule: dict, name: str) -> Trial:
        return Trial(name, {"groups": [{"name": "alerts", "rules": [rule]}]}, alert_tests(rule["alert"]))

    for alert in definitions.alerts():
        rule = rules.alert_rule(alert, times.LAB_FACTOR)
        yield "none", of_alert(rule, alert.alert)
        template = alert.expr.replace("$threshold", f"{alert.threshold}")
        for kind, expr in mistakes(template):
            mistaken = rules.alert_rule(replace(alert, expr=expr), times.LAB_FACTOR)
            yield kind, of_alert(mistaken, f"{alert.alert}: {expr}")
        for field in (each for each in ("for", "keep_firing_for") if each in rule):
            length = times.seconds(rule[field])
            for other in {length + 5, max(length - 5, 0)} - {length}:
                yield field, of_alert(rule | {field: f"{other}s"}, f"{alert.alert}: {field} {other}s")
        if alert.alert == "ServerErrors":
            for kind, expr in mistakes_from_zero(rule["expr"]):
                yield kind, of_alert(rule | {"expr": expr}, f"{alert.alert}: {expr}")
    for one in definitions.objectives():
        # Leave out the alerts: test_the_burn_rate_alerts_match_the_sre_workbook checks them.
        recorded = [each for each in rules.objective_group(one, times.LAB_FACTOR)["rules"] if "record" in each]
        tests = objective_tests(one.objective)
        yield "none", Trial(one.objective, {"groups": [{"name": one.objective, "rules": recorded}]}, tests)
        templates = (one.bad, one.total, *(rule["expr"] for rule in recorded[2:]))
        for place, (rule, template) in enumerate(zip(recorded, templates, strict=True)):
            for kind, expr in mistakes(template):
                whole = rules.from_zero(expr.replace("$window", times.window(rules.BASE, times.LAB_FACTOR)))
                mistaken = [*recorded[:place], rule | {"expr": whole}, *recorded[place + 1 :]]
                name = f"{one.objective}, {rule['record']}: {expr}"
                yield kind, Trial(name, {"groups": [{"name": one.objective, "rules": mistaken}]}, tests)


def mistakes_from_zero(expr: str) -> Iterator[tuple[str, str]]:
    """For each possible mistake in an expanded ``rate_from_zero``, yield its kind and the mistaken expression."""
    for mistake, right, wrong in (
        ("new series are left out", r" unless nginx_\w+\{[^}]*\} offset 20s", ""),
        ("all sources count", r" and on \(job, instance\) \([^)]*\) [^)]*\)", ""),
        ("only a young source counts", r"nginx_access_log_start_time_seconds offset 20s or ", ""),
        ("only an old source counts", r" or nginx_access_log_start_time_seconds > time\(\) - 20", ""),
        ("a source is young for too long", r"time\(\) - 20", "time() - 2000"),
        ("another job's start", r"nginx_access_log_start_time_seconds", "pomar_counters_start_time_seconds"),
        ("new for too long", r"offset 20s", "offset 40s"),
        ("counts double", r" / 20 unless", " / 10 unless"),
        ("old series are left out", r" or rate\(nginx_\w+\{[^}]*\}\[20s\]\)", ""),
    ):
        mistaken = re.sub(right, wrong, expr)
        assert mistaken != expr, mistake
        yield f"from zero, {mistake}", mistaken


#: Changes that the promtool tests need not detect, because the rule still does what it should.
HARMLESS = {
    # The threshold was 0. No cache has a limit of 1 byte.
    "CacheMemoryNearLimit: redis_memory_used_bytes / (redis_memory_max_bytes > 1) > 0.9",
    # Neither does Prometheus's storage.
    "StorageNearBound: (prometheus_tsdb_storage_blocks_bytes"
    " + (prometheus_tsdb_wal_storage_size_bytes or 0 * prometheus_tsdb_storage_blocks_bytes)"
    " + (prometheus_tsdb_head_chunks_storage_size_bytes or 0 * prometheus_tsdb_storage_blocks_bytes))"
    " / (prometheus_tsdb_retention_limit_bytes > 1) > 0.9",
    # A sum of counts is 0 when the largest is 0.
    'NoOrders: max(increase_from_zero(pomar_orders_total{outcome="placed"}[$window])) == 0'
    ' and on () sum(rate(nginx_http_responses_total{route="product:detail"}[$window])) > 0.5'
    " and on () pomar_counters_start_time_seconds == pomar_counters_start_time_seconds offset $window",
    *(
        f'{name}, slo:bad:rate20s: sum(rate_from_zero(nginx_http_responses_total{{{routes},status=~"5.."}}[$window]))'
        f" or 0 * max(rate_from_zero(nginx_http_responses_total{{{routes}}}[$window]))"
        for name, routes in (
            ("shopping-availability", 'route!~"refused|redirect"'),
            ("checkout-availability", 'route="checkout:checkout"'),
        )
    ),
}


def seen_by_promtool(paths: list[Path]) -> list[bool]:
    """Return, for each test file, whether promtool reports a failure."""
    command = [program("promtool"), "test", "rules", *paths]
    said = subprocess.run(command, env=FOR_PROMTOOL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    # Every version of promtool prints one such line for each file.
    results = re.findall(r"^  (SUCCESS|FAILED:)$", said, re.MULTILINE)
    assert len(results) == len(paths), said
    return [result == "FAILED:" for result in results]


def test_the_promtool_tests_detect_every_mistake_in_a_rule(tmp_path):
    """Mistakes are a wrong metric, label, value, operator or aggregation, or a changed number.

    Thresholds are changed by +25% and -20% (or by 1 if they are 0 or 1), durations by one scrape.
    """
    tried = [(kind, trial) for kind, trial in trials() if trial.name not in HARMLESS]
    paths = [trial.written_to(tmp_path / str(number)) for number, (_, trial) in enumerate(tried)]
    # Each promtool process tests 25 files. Two processes run at a time.
    batches = [paths[start : start + 25] for start in range(0, len(paths), 25)]

    with ThreadPoolExecutor(2) as pool:
        seen = [each for batch in pool.map(seen_by_promtool, batches) for each in batch]

    wrong = [
        f"{kind}: {trial.name}" for (kind, trial), each in zip(tried, seen, strict=True) if each == (kind == "none")
    ]
    assert not wrong, "\n".join(wrong)
    counted = Counter(kind for kind, _ in tried)
    assert counted["none"] == len(definitions.alerts()) + len(definitions.objectives())
    # Each alert with keep_firing_for is tried with one scrape more and one scrape less.
    assert counted.pop("keep_firing_for") == 2 * sum(bool(alert.keep) for alert in definitions.alerts()) > 0
    assert min(count for kind, count in counted.items() if not kind.startswith("from zero")) > 20, counted
