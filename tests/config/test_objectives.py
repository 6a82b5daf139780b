"""Test that rules and panels use the objectives file, and that no other file repeats its numbers."""

import ast
import json
import re
from pathlib import Path

import pytest

from grafana import boards
from lab.alerts import rules
from lab.alerts.definitions import OBJECTIVES, objectives
from lab.errors import LabError
from lab.paths import ROOT

AVAILABILITY = {"Overview: Availability", "NGINX: 5xx error ratio", "Django: 5xx error ratio", "Django: Views"}
LATENCY = {"Overview: Pages within 0.5 s", "NGINX: p95 response time", "Django: p95 response time"}
TIME = LATENCY | {
    *("Overview: NGINX latency", "Overview: Django latency", "NGINX: Response time", "NGINX: Upstream response time"),
    *("uWSGI: Mean response time", "Django: Response time"),
}


def copied(folder: Path, objective: str, old: str, new: str) -> Path:
    """Copy the objectives file, replace ``old`` with ``new`` in one objective, and return the path of the copy."""
    head, name, rest = OBJECTIVES.read_text().partition(f"- objective: {objective}\n")
    row, following, others = rest.partition("- objective:")
    assert old in row
    path = folder / "objectives.yaml"
    path.write_text(head + name + row.replace(old, new) + following + others)
    return path


def rules_of(path: Path) -> dict[str, dict]:
    """Return each objective's rule group, by the objective's name."""
    return {each.objective: rules.objective_group(each, 1) for each in objectives(path)}


def panels_of(path: Path) -> dict[str, dict]:
    """Return all panels by dashboard uid and panel ID. Their names are those in ``make panels``."""
    found = {}
    for dashboard in boards.build(objectives(path)):
        for panel in json.loads(dashboard.json())["panels"]:
            found[dashboard.uid, panel["id"]] = panel | {"name": f"{dashboard.title}: {panel['title']}"}
    return found


def numbers_of(panel: dict) -> set[str]:
    """Return every number in a panel's JSON, except the 0.5 for the median, which is not an objective."""
    return set(re.findall(r"\d+(?:\.\d+)?", json.dumps(panel).replace("histogram_quantile(0.5,", "")))


@pytest.mark.parametrize(
    ("objective", "old", "new", "shown", "gone"),
    [
        pytest.param(
            *("shopping-availability", "target: 0.999", "target: 0.9955", AVAILABILITY),
            {"0.999", "0.001", "0.01", "99.9", "0.1"},
            id="availability",
        ),
        pytest.param("shopping-latency", "target: 0.95", "target: 0.9", LATENCY, {"0.95", "95"}, id="share in time"),
        pytest.param("shopping-latency", "within: 0.5", "within: 0.75", TIME, {"0.5"}, id="time"),
        pytest.param("checkout-availability", "target: 0.999", "target: 0.99", set(), set(), id="not in a panel"),
    ],
)
def test_a_changed_objective_changes_its_rules_and_the_panels_that_show_it(tmp_path, objective, old, new, shown, gone):
    changed = copied(tmp_path, objective, old, new)

    rules_before, rules_after = rules_of(OBJECTIVES), rules_of(changed)
    panels_before, panels_after = panels_of(OBJECTIVES), panels_of(changed)

    assert {name for name in rules_before if rules_after[name] != rules_before[name]} == {objective}
    followed = {key for key, panel in panels_before.items() if panels_after[key] != panel}
    assert {panels_before[key]["name"] for key in followed} == shown
    for key in followed:
        assert not numbers_of(panels_after[key]) & gone, panels_after[key]["name"]


def test_panels_and_alerts_show_the_same_numbers(tmp_path):
    path = copied(tmp_path, "shopping-availability", "target: 0.999", "target: 0.9995")
    (availability, *_) = rules_of(path).values()
    panels = {each["name"]: each for each in panels_of(path).values()}

    (burn, _) = (rule for rule in availability["rules"] if "alert" in rule)

    assert burn["annotations"]["description"].startswith("Objective: 99.95% of responses are not 5xx.")
    assert burn["annotations"]["description"].endswith("(error budget 0.05%).")
    assert "The objective is 99.95%." in panels["Overview: Availability"]["description"]
    assert "above 0.05% the error budget runs out" in panels["NGINX: 5xx error ratio"]["description"]
    assert thresholds(panels["Overview: Availability"]) == [None, 0.9995]
    assert thresholds(panels["NGINX: 5xx error ratio"]) == [None, 0.0005, 0.005]


def test_a_latency_target_of_1_0_matches_its_bucket_in_both_spellings(tmp_path):
    path = copied(tmp_path, "shopping-latency", "within: 0.5", "within: 1.0")

    latency = next(each for each in objectives(path) if each.objective == "shopping-latency")

    assert 'le=~"1|1.0"' in latency.bad
    assert latency.promise == "Objective: 95% of pages are served within 1 s."
    assert "Overview: Pages within 1 s" in {each["name"] for each in panels_of(path).values()}


def test_the_error_budget_panel_uses_the_recorded_series():
    panels = {each["name"]: each for each in panels_of(OBJECTIVES).values()}
    recorded = {
        rule["record"] for group in rules_of(OBJECTIVES).values() for rule in group["rules"] if "record" in rule
    }

    (budget,) = (target["expr"] for target in panels["Overview: Error budget remaining"]["targets"])

    assert set(re.findall(r"[\w:]+(?=\{)", budget)) == {"slo:error_budget:left"} <= recorded


@pytest.mark.parametrize("factor", [1, 15], ids=["production", "lab"])
def test_every_name_pattern_in_a_panel_matches_exactly_one_recorded_series(factor):
    panels = panels_of(OBJECTIVES).values()
    asked = {
        match
        for panel in panels
        for target in panel.get("targets", [])
        for match in re.findall(r'__name__=~"([^"]+)",objective="([^"]+)"', target["expr"])
    }
    groups = {each.objective: rules.objective_group(each, factor)["rules"] for each in objectives()}

    assert {(name.split(":")[1], objective) for name, objective in asked} == {
        (what, objective) for what in ("bad", "total") for objective in ("shopping-availability", "shopping-latency")
    }
    for name, objective in asked:
        assert len([rule for rule in groups[objective] if re.fullmatch(name, rule.get("record", ""))]) == 1


def test_dashboard_code_does_not_repeat_the_numbers_of_an_objective():
    """Only numbers that must come from an objective are checked. A quantile may have the same value by chance."""
    availability = next(each for each in objectives() if each.objective == "shopping-availability")
    numbers = {availability.target, availability.budget}
    texts = {text for each in objectives() for text in (each.share, f"{each.target:.1%}", f"{each.budget:.1%}")}
    texts |= {f"{each.within:g} s" for each in objectives() if each.within} | {",le=", "refused|redirect"}
    found = []
    for file in (ROOT / "grafana" / "boards").rglob("*.py"):
        tree = ast.parse(file.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in docstrings:
                words = [text for text in texts if text in node.value] if isinstance(node.value, str) else []
                words += [node.value] if node.value in numbers else []
                found += [f"{file.name}:{node.lineno}: {word}" for word in words]

    assert found == []


@pytest.mark.parametrize(
    ("objective", "old", "new", "sentence"),
    [
        (
            "shopping-availability",
            "dashboard:",
            "within: 1\n  dashboard:",
            "must either set within and use .le",
        ),
        ("shopping-latency", "  within: 0.5\n", "", "must either set within and use .le in bad, or do neither"),
        (
            "shopping-latency",
            "within: 0.5",
            "within: soon",
            "is 'soon': it must be a number",
        ),
    ],
)
def test_an_unused_missing_or_invalid_within_of_an_objective_is_rejected(tmp_path, objective, old, new, sentence):
    with pytest.raises(LabError, match=sentence):
        objectives(copied(tmp_path, objective, old, new))


@pytest.mark.parametrize("name", ["shopping-availability", "shopping-latency"])
def test_the_error_names_a_missing_objective_that_the_dashboards_show(name):
    with pytest.raises(ValueError, match=f"the dashboards show the objective {name}, which is missing"):
        boards.build([each for each in objectives() if each.objective != name])


def test_every_latency_objective_uses_the_upper_bound_of_a_bucket():
    program = (ROOT / "nginx" / "access_log.mtail").read_text()
    (ends,) = re.findall(r"^histogram nginx_http_request_duration_seconds .*buckets (.+)$", program, re.MULTILINE)

    times = {each.within for each in objectives() if each.within is not None}

    assert times <= {float(end) for end in ends.split(",")}
    assert times


def thresholds(panel: dict) -> list[float | None]:
    """Return the values at which a panel changes colour."""
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
