"""Test the contract's format and the page generated from it."""

import json
import re

import pytest
import yaml

from lab import contract
from lab.errors import LabError
from lab.paths import ROOT

GOOD = "- {name: up_total, type: counter, help: Ups., unit: ups, job: django, moves: load}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be a list of metrics"),
        ("name: x", "must be a list of metrics"),
        ("- [", "cannot be read"),
        ("- type: counter", "each entry needs a name"),
        ("- just words", "each entry needs a name"),
        (GOOD.replace("unit: ups, ", ""), "up_total lacks unit"),
        (GOOD.replace("type: counter", "type: meter"), "up_total has type 'meter'"),
        (GOOD.replace("moves: load", "moves: often"), "up_total has moves 'often'"),
        (GOOD.replace("moves: load", "moves: load, colour: red"), "up_total has unknown fields: colour"),
        (GOOD + GOOD, "lists up_total twice"),
        (GOOD.replace("moves: load", "moves: load, optional_labels: [a]"), "optional_labels that are not in labels: a"),
    ],
)
def test_an_error_in_the_contract_names_the_entry(tmp_path, text, sentence):
    path = tmp_path / "contract.yaml"
    path.write_text(text)

    with pytest.raises(LabError) as error:
        contract.load(path)

    assert sentence in error.value.message
    assert "\n" not in error.value.message


def test_a_missing_contract_is_reported(tmp_path):
    with pytest.raises(LabError, match="cannot be read"):
        contract.load(tmp_path / "contract.yaml")


def test_the_metrics_page_is_up_to_date_with_the_contract():
    assert contract.PAGE.read_text() == contract.page(contract.load()), "run `make generate`"


def test_a_histogram_has_bucket_sum_and_count_samples(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(GOOD.replace("counter", "histogram").replace("up_total", "ups"))

    (entry,) = contract.load(path)

    assert entry.samples == ("ups_bucket", "ups_sum", "ups_count")


def test_the_page_marks_an_optional_label(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(GOOD.replace("moves: load", "moves: load, labels: [code, zone], optional_labels: [zone]"))

    assert "| `code`, `zone` (some versions) |" in contract.page(contract.load(path))


def queries() -> list[str]:
    """Return every query in the rules, dashboards and docs. A panel's query is followed by its legend."""
    rules = [*(ROOT / "prometheus" / "rules").glob("*.yaml"), *(ROOT / "prometheus" / "production").glob("*.yaml")]
    groups = [group for file in rules for group in yaml.safe_load(file.read_text())["groups"]]
    boards = [json.loads(file.read_text()) for file in (ROOT / "grafana" / "dashboards").glob("*.json")]
    targets = [target for board in boards for panel in board["panels"] for target in panel.get("targets", [])]
    docs = [file.read_text() for file in (ROOT / "docs").rglob("*.md")]
    return [
        *(rule["expr"] for group in groups for rule in group["rules"]),
        *(f"{target['expr']} {target.get('legendFormat', '')}" for target in targets),
        *(block for text in docs for block in re.findall(r"^```promql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)),
    ]


def uses(query: str, label: str) -> bool:
    """Return whether a query selects, groups or joins by a label, or its legend shows the label."""
    return bool(
        re.search(rf"\b{label}\s*(=|!=|=~|!~)\s*\"|{{{{\s*{label}\s*}}}}", query)
        or re.search(rf"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\b{label}\b[^)]*\)", query)
    )


@pytest.mark.parametrize(
    "query",
    ['a{b="c", zone="d"}', "sum by (b, zone) (a)", "a / on(zone) b", "a * on (b) group_left (zone) c", "a {{zone}}"],
)
def test_a_label_used_in_a_query_is_detected(query):
    assert uses(query, "zone")
    assert not uses(query.replace("zone", "zones"), "zone")


def test_no_query_uses_a_label_that_only_some_versions_have():
    optional = [
        (sample, label) for entry in contract.load() for sample in entry.samples for label in entry.optional_labels
    ]
    asked = queries()

    assert len(optional) > 3
    assert [
        (query, label)
        for query in asked
        for name, label in optional
        if re.search(rf"\b{name}\b", query) and uses(query, label)
    ] == []
    # Each metric with optional labels is used in at least one query.
    assert {name for name, _ in optional if any(re.search(rf"\b{name}\b", query) for query in asked)} == dict(
        optional
    ).keys()
