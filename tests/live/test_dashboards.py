"""After a load run, Prometheus accepts every dashboard query, and each one is fast and returns data."""

import pytest

from lab.dashboards import model, proof
from lab.dashboards.answers import all_chosen
from lab.dashboards.proof import Proof
from lab.dashboards.span import Span
from lab.prometheus import Api
from lab.runs import archive
from lab.runtimes import services
from tests.browser import chromium_of

QUERIES = [
    pytest.param(span.interpolate(expr, all_chosen(dashboard)), id=f"{dashboard.title}: {name}")
    for dashboard in model.load()
    for span in [Span(0, 900)]
    for name, expr in [
        *((f"{panel.title} {target.letter}", target.expr) for panel in dashboard.panels for target in panel.targets),
        *dashboard.events.items(),
    ]
]
NAMES = [
    name
    for dashboard in model.load()
    for name in [
        *(f"{dashboard.title}: variable {variable}" for variable in dashboard.variables),
        *dict.fromkeys(panel.name for panel in dashboard.panels),
    ]
]


@pytest.fixture(scope="module")
def api(runtime) -> Api:
    return Api(runtime.url(services.named("prometheus"), ""))


@pytest.fixture(scope="module")
def proven(api, runtime, shopped) -> Proof:
    """The results of all queries, just after a load run."""
    return proof.prove(api, runtime.provides, shopped["after"])


@pytest.mark.parametrize("expression", QUERIES)
def test_prometheus_can_parse_the_query(api, expression):
    assert api.get("format_query", {"query": expression})


@pytest.mark.parametrize("name", NAMES)
def test_after_a_load_it_has_data_and_is_fast(proven, runtime, name):
    states = {
        each.state(proven.provides) for each in proven.checks if name == (each.panel.name if each.panel else each.name)
    }
    assert states
    if missing := {state for state in states if state.startswith("not available")}:
        pytest.skip(f"not on {runtime.name}: {missing.pop().removeprefix('not available: ')}")

    assert {state for state in states if state != "data" and not state.startswith("empty until")} == set()


def test_after_a_load_the_shorter_time_ranges_are_not_skipped(proven):
    assert {"now-5m", "now-15m", "now-1h"} & set(proven.skipped) == set()


def test_a_browser_draws_every_panel_of_the_report_without_a_network(runtime, shopped):
    report = archive.report(runtime, [archive.read(runtime, shopped["file"])])
    needy = {f"{each.uid}-{panel.id}" for each in model.load() for panel in each.panels if panel.needs}

    with chromium_of(1280, 900) as browser:
        browser.execute_cdp_cmd("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        browser.get(report.as_uri())
        browser.execute_script("window.drawAll()")
        states = browser.execute_script(
            "return [...document.querySelectorAll('article.panel')].map(({dataset}) => [dataset.key, dataset.state])"
        )
        said = browser.get_log("browser")

    assert said == []
    assert len(states) == sum(len(each.panels) for each in model.load())
    not_drawn = {key for key, state in states if state != "drawn" and not (state == "absent" and key in needy)}
    assert not_drawn == set()


def test_the_last_load_is_an_event_on_every_dashboard(api, shopped):
    ends = api.query('lab_event{kind="load",phase="end"}', shopped["after"]).series

    (event,) = ends
    assert shopped["start"] < float(event["value"][1]) <= shopped["after"]
    assert event["metric"]["text"].startswith(
        f"smoke finished: {shopped['users']} users, {shopped['requests']:,} requests"
    )
