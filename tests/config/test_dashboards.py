"""Test that the dashboard files are up to date, valid for Grafana and complete, and that they use known metrics."""

import json
import re

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards.dashboard import SCHEMA_VERSION
from grafana.boards.lab.targets import MAX_SERIES_OF_A_TARGET
from grafana.boards.panels import Panel
from lab import contract
from lab.alerts.definitions import alerts
from lab.dashboards import build, model
from lab.paths import ROOT
from lab.times import SCRAPE_SECONDS

FILES = {file.stem: json.loads(file.read_text()) for file in sorted(model.FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in FILES.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
EXPRESSIONS = [target["expr"] for parameter in PANELS for panel in parameter.values for target in panel["targets"]]
#: Metrics that Prometheus itself creates, and the process metrics that every Go program has.
OWN = {
    *("up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped", "scrape_series_added"),
    *("scrape_samples_post_metric_relabeling", "process_cpu_seconds_total", "process_resident_memory_bytes"),
}
#: Annotation fields that Grafana's Prometheus datasource reads but the SDK's model does not have.
BEYOND_THE_MODEL = {"titleFormat", "textFormat", "useValueForTime", "step"}
WINDOW = re.compile(r"\[([^]]+)\]")


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics in an expression. Only names followed by a brace are found."""
    return set(re.findall(r"([a-zA-Z_:][\w:]*)\{", expression))


#: PromQL keywords and functions, which are not metrics.
WORDS = {
    *("sum", "min", "max", "avg", "count", "by", "on", "ignoring", "group_left", "and", "or", "unless", "bool"),
    *("rate", "increase", "histogram_quantile", "avg_over_time", "max_over_time", "min_over_time", "last_over_time"),
    *("label_replace", "vector", "time", "timestamp", "sort", "sort_desc", "clamp_min", "clamp_max", "changes"),
    *("topk", "bottomk", "abs", "floor", "round", "absent", "scalar", "count_values", "sum_over_time", "offset"),
}


def bare_words(expression: str) -> set[str]:
    """Return the metric names that are not followed by a brace.

    These are the words outside of braces, brackets, quotes and label lists that are not part of PromQL.
    """
    for hidden in (r'"[^"]*"', r"\{[^}]*\}", r"\[[^]]*\]", r"\b(?:by|on|ignoring|group_left|group_right)\s*\([^)]*\)"):
        expression = re.sub(hidden, " {} " if hidden.startswith(r"\{") else " ", expression)
    return set(re.findall(r"(?<![\w.$])[a-zA-Z_:][\w:]*(?!\s*\{\}|[\w:])", expression)) - WORDS


def rules() -> list[dict]:
    files = (ROOT / "prometheus" / "rules").glob("*.yaml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def test_the_dashboard_files_are_up_to_date():
    files = [*model.FOLDER.glob("*.json"), model.DECLARED]

    assert {file: file.read_text() for file in files} == build.generate(), "run `make generate`"


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_matches_the_model_of_the_grafana_sdk(name):
    dashboard = json.loads(json.dumps(FILES[name]))

    again = json.loads(JSONEncoder().encode(Dashboard.from_json(FILES[name])))

    for annotation in dashboard["annotations"]["list"]:
        for field in BEYOND_THE_MODEL:
            del annotation[field]
    assert again == dashboard


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_has_what_provisioning_needs(name):
    dashboard = FILES[name]
    ids = [panel["id"] for panel in dashboard["panels"]]
    variables = [variable["name"] for variable in dashboard["templating"]["list"]]

    assert dashboard["uid"] == f"pomar-{name}"
    assert dashboard["schemaVersion"] == SCHEMA_VERSION
    assert dashboard["title"]
    assert dashboard["description"].endswith(".")
    assert "id" not in dashboard
    assert len(set(ids)) == len(ids)
    assert variables == ["datasource", "namespace", "job", "instance"]
    assert {each["name"] for each in dashboard["annotations"]["list"]} == {"Load tests", "Deploys", "Drills"}


def test_uids_and_titles_are_unique():
    for field in ("uid", "title"):
        values = [dashboard[field] for dashboard in FILES.values()]
        assert len(set(values)) == len(values) > 0


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_title_a_unit_a_description_and_queries(panel):
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["description"].endswith(".")
    assert len(panel["description"].split()) >= 6
    assert panel["targets"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_queries_the_selected_datasource_and_instances(panel):
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == panel["datasource"]["uid"] == "${datasource}"
        assert not re.search(r'\b(job|instance|namespace)\s*(=~?|!=|!~)\s*"[^$]', target["expr"])
        selectors = re.findall(r"([\w:]*)\{([^}]*)\}", target["expr"])
        assert selectors, target["expr"]
        for metric, matchers in selectors:
            assert matchers.startswith('namespace=~"$namespace",job=~"$job",instance=~"$instance"'), metric


@pytest.mark.parametrize("panel", PANELS)
def test_every_metric_is_written_with_braces(panel):
    """The other tests in this file find only metrics that are written with braces."""
    for target in panel["targets"]:
        assert bare_words(target["expr"]) == set(), target["expr"]


def test_a_metric_without_braces_is_found():
    assert bare_words('sum by (job) (rate(up{job="a"}[5m])) / sum(down) > on (x) 5') == {"down"}


@pytest.mark.parametrize("panel", PANELS)
def test_no_rate_window_is_shorter_than_four_scrapes(panel):
    for target in panel["targets"]:
        for window in WINDOW.findall(target["expr"]):
            length = window.partition(":")[0]
            if length not in ("$__rate_interval", "$__range"):
                assert int(length.removesuffix("s")) >= 4 * SCRAPE_SECONDS


@pytest.mark.parametrize("name", FILES)
def test_panels_do_not_overlap_and_stay_inside_the_grid(name):
    taken = set()
    for panel in FILES[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_every_metric_in_a_panel_is_in_the_contract():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    promised = {name for entry in contract.load() for name in (entry.name, *entry.samples)} | OWN | recorded

    assert {name for expression in EXPRESSIONS for name in metrics_of(expression)} - promised == set()


def test_every_metric_in_the_contract_is_used_or_has_a_reason_not_to_be():
    """A metric that a panel or a rule uses must not have such a reason."""
    shown = {name for expression in EXPRESSIONS for name in metrics_of(expression)}
    in_rules = " ".join(rule["expr"] for rule in rules())
    unused = {
        entry.name
        for entry in contract.load()
        if not shown & {entry.name, *entry.samples} and not re.search(rf"\b{re.escape(entry.name)}\b", in_rules)
    }

    assert unused == {entry.name for entry in contract.load() if entry.not_shown}


def test_a_panel_needs_exactly_what_its_metrics_need():
    needs = {name: set(entry.needs) for entry in contract.load() for name in entry.samples}
    for dashboard in build.built():
        content = {each["id"]: each for each in FILES[dashboard.uid.removeprefix("pomar-")]["panels"]}
        for number, panel in dashboard.panels.items():
            metrics = {name for target in content[number]["targets"] for name in metrics_of(target["expr"])}
            assert set(panel.needs) == set().union(*(needs.get(name, set()) for name in metrics)), content[number][
                "title"
            ]


def test_every_runbook_is_named_in_a_panel_description():
    """Also checks that every runbook named in a panel exists. The Watchdog reports no fault, so it needs no panel."""
    folder = ROOT / "docs" / "runbooks"
    named = {
        name
        for parameter in PANELS
        for panel in parameter.values
        for name in re.findall(r"Runbook: docs/runbooks/(\w+)\.md\.$", panel["description"])
    }

    assert named == {file.stem for file in folder.glob("*.md")} - {"README", "Watchdog"}


def test_the_red_line_for_series_is_at_the_alert_threshold():
    thresholds = {each.alert: each.threshold for each in alerts()}

    assert thresholds["SeriesGrowth"] == MAX_SERIES_OF_A_TARGET


def test_no_panel_is_used_twice():
    panels: list[Panel] = [panel for dashboard in build.built() for panel in dashboard.panels.values()]

    assert len({id(panel) for panel in panels}) == len(panels)
