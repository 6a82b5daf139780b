"""Test the load test report: each panel type with data from a real Prometheus, and the page in a real browser."""

import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from lab.dashboards.model import Dashboard, Panel, Row
from lab.dashboards.span import Span
from lab.prometheus import Api
from lab.runs.ledger.account import settle
from lab.runs.ledger.books import Ledger
from lab.runs.ledger.comparison import Difference
from lab.runs.ledger.counts import LOCUST, LOG, Counts
from lab.runs.report import drawing, figures, page, timeline
from lab.runs.report.page import Run
from lab.runtimes.ports import free_ports
from tests.browser import chromium_of
from tests.stored import every_five_seconds, prometheus_with, two_hours_ago

END = two_hours_ago()
SPAN = Span(END - 60, END)
HOSTILE = "</script><img src=x onerror=alert(1)>"
RESULT = {
    **{"profile": "steady", "seed": 1, "users": 12, "host": "https://localhost:8443", "start": END - 60, "end": END},
    **{"requests": 600, "failures": 0, "orders_placed": 6, "orders_refused": 1, "orders_repeated": 0, "units": 9},
    **{"revenue": "71.50", "problems": [], "seconds": {}, "counts": {}},
    "lab": {"settings": {"UWSGI_WORKERS": "4"}, "versions": {"nginx": "1.26.3"}},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Prometheus with a gauge, a histogram, two alerts, and labels that contain HTML."""
    watchdog = 'ALERTS{alertname="Watchdog",alertstate="firing",severity="none"}'
    down = f'ALERTS{{alertname="Down",alertstate="firing",severity="page",job="{HOSTILE}"}}'
    samples = [
        *every_five_seconds(f'up{{job="{HOSTILE}",instance="one"}}', [1] * 25, END),
        *every_five_seconds('up{job="web",instance="two"}', [0] * 25, END),
        *every_five_seconds('seconds_bucket{le="0.5"}', range(0, 50, 2), END),
        *every_five_seconds('seconds_bucket{le="+Inf"}', range(0, 75, 3), END),
        *every_five_seconds(watchdog, [1] * 25, END),
        *every_five_seconds(down, [1] * 3, END - 40),
        *every_five_seconds(down, [1] * 2, END - 10),
        *every_five_seconds(
            f'lab_event{{kind="load",phase="start",name="steady",text="{HOSTILE}"}}', [END - 60] * 12, END
        ),
    ]
    with prometheus_with(samples, tmp_path_factory.mktemp("prometheus")) as url:
        yield Api(url)


def run(
    result: dict = RESULT,
    *,
    differences: Sequence[Difference] = (),
    reasons: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Run:
    """Return a run with these differences, reasons and notes in its ledger. By default, the ledger is exact."""
    account = settle(Counts(Counter()), differences)
    ledger = Ledger(result["start"], result["end"], account, [], list(reasons), list(notes))
    return Run(Path("load.json"), result, ledger)


@pytest.fixture
def no_api() -> Api:
    """A Prometheus that is not running."""
    (port,) = free_ports(1)
    return Api(f"http://127.0.0.1:{port}")


def panel(kind: str, *queries: str, needs: tuple[str, ...] = (), **more: object) -> Panel:
    """Return a panel of this type with these queries. ``more`` is added to its JSON."""
    instant = kind == "table"
    targets = [
        {"refId": letter, "expr": expr, "instant": instant, "format": "table" if instant else "time_series"}
        for letter, expr in zip("AB", queries, strict=False)
    ]
    content = {"type": kind, "targets": targets, "gridPos": {"w": 8, "h": 8}, **more}
    return Panel("Test", 1, "A panel", kind, content, needs)


def result(api: Api, of: Panel, provides: frozenset[str] = frozenset()) -> dict:
    return drawing.result(api, of, SPAN, {}, provides)


def test_a_time_series_has_one_point_per_step(api):
    drawn = result(api, panel("timeseries", "sum(up)"))

    (line,) = drawn["series"]
    assert drawn["state"] == "ok"
    assert line["points"] == [(END - 60 + 5 * place, 1) for place in range(13)]


@pytest.mark.parametrize(
    ("calc", "value"),
    [("lastNotNull", 48), ("last", 48), ("firstNotNull", 24), ("max", 48), ("min", 24), ("mean", 36), ("sum", 468)],
)
def test_a_stat_panel_reduces_its_series(api, calc, value):
    drawn = result(api, panel("stat", 'seconds_bucket{le="0.5"}', options={"reduceOptions": {"calcs": [calc]}}))

    assert [each["value"] for each in drawn["values"]] == [value]


def test_heatmap_buckets_are_not_cumulative(api):
    drawn = result(api, panel("heatmap", "sum by (le) (rate(seconds_bucket[20s]))"))["heatmap"]

    assert drawn["buckets"] == ["0.5", "+Inf"]
    assert len(drawn["times"]) == 13
    assert {(bucket, round(value, 6)) for _, bucket, value in drawn["cells"]} == {(0, 0.4), (1, 0.2)}


def test_table_columns_are_joined_filtered_ordered_and_renamed(api):
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": ["instance", "Value #A", "Value #B"]}}},
        {
            "id": "organize",
            "options": {
                "indexByName": {"Value #B": 0, "instance": 1, "Value #A": 2},
                "renameByName": {"Value #B": "twice"},
                "excludeByName": {},
            },
        },
    ]
    drawn = result(api, panel("table", "up", "up * 2 == 2", transformations=transformations))["table"]

    assert [column["name"] for column in drawn["columns"]] == ["twice", "instance", "Value #A"]
    assert sorted(drawn["rows"], key=str) == [[2, "one", 1], [None, "two", 0]]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (panel("piechart", "up"), "Panels of type piechart are not supported."),
        (
            panel("timeseries", "up", transformations=[{"id": "reduce"}]),
            "The transformation reduce is not supported in timeseries panels.",
        ),
        (
            panel("table", "up", transformations=[{"id": "pivot"}]),
            "The transformation pivot is not supported.",
        ),
        (
            panel("heatmap", "sum by (job) (up)"),
            "Heatmaps are only supported for classic histograms, which have an le label.",
        ),
        (
            panel("stat", "up", options={"reduceOptions": {"calcs": ["p95"]}}),
            "The reduction p95 is not supported.",
        ),
    ],
)
def test_what_the_report_does_not_support_is_named(api, of, words):
    assert result(api, of) == {"state": "unknown", "message": words}


@pytest.mark.parametrize(
    ("field_config", "words"),
    [
        (
            {"defaults": {"mappings": [{"type": "regex", "options": {"pattern": ".*", "result": {"text": "x"}}}]}},
            "Value mappings of type regex are not supported.",
        ),
        (
            {"overrides": [{"matcher": {"id": "byType", "options": "number"}, "properties": []}]},
            "Overrides with the matcher byType are not supported.",
        ),
        (
            {"overrides": [{"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": "min", "value": 0}]}]},
            "Overrides of min are not supported.",
        ),
    ],
)
def test_an_unsupported_field_option_affects_only_its_own_panel(api, field_config, words):
    (shown,) = dashboards(panel("stat", "up", fieldConfig=field_config), panel("stat", "sum($strange)"))

    first, second = drawing.dashboard(api, shown, [SPAN], frozenset())["rows"][0]["panels"]

    assert first["results"] == [{"state": "unknown", "message": words}]
    assert second["results"][0]["state"] == "failed"
    assert second["queries"][0]["expr"] == "sum($strange)"


@pytest.mark.parametrize(
    ("books", "sentence"),
    [
        ({}, "PASSED: 600 requests in 60 s (10.0/s), none failed."),
        (
            {"differences": [Difference((LOCUST, LOG), "Locust sent 1; NGINX's access log has 2 (+1)")]},
            "none failed, but the counts of the tiers differ; see the ledger.",
        ),
        (
            {"reasons": ["NGINX was restarted"]},
            "UNKNOWN: 600 requests in 60 s (10.0/s), none failed, but the counts of some tiers are unknown.",
        ),
    ],
    ids=["exact", "different", "unknown"],
)
def test_a_run_passes_only_if_its_ledger_is_exact(no_api, books, sentence):
    assert sentence in html.unescape(page.page([run(**books)], no_api, frozenset()))


def test_a_panel_with_no_data_says_so(api):
    assert result(api, panel("timeseries", "nothing")) == {"state": "empty", "message": "No data in this time range."}


def test_a_panel_says_which_service_the_runtime_lacks(api):
    drawn = result(api, panel("stat", "up", needs=("postgres",)))

    assert drawn == {"state": "absent", "message": "This runtime has no postgres."}


def test_a_rejected_query_is_reported_in_its_panel(api):
    assert result(api, panel("stat", "sum("))["state"] == "failed"


def test_alerts_during_a_run_are_shown_with_their_start_and_end(api):
    found = timeline.timeline(api, SPAN)

    assert [(each.name, each.state, each.start - END, each.end - END) for each in found.spans] == [
        ("Down", "firing", -50, -35),
        ("Down", "firing", -15, -5),
    ]
    assert found.spans[0].labels == f"job={HOSTILE}"
    assert found.message == "Down fired. (The Watchdog always fires.)"


def test_a_time_range_without_even_the_watchdog_is_reported(api):
    assert "Not even the Watchdog" in timeline.timeline(api, Span(END - 7200, END - 3600)).message


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("count", 5752.0, "5,752"),
        ("rate", 95.84, "95.8/s"),
        ("share", 0, "0%"),
        ("share", 0.00123, "0.123%"),
        ("seconds", 0.01234, "12.3 ms"),
        ("seconds", 2, "2 s"),
        ("bytes", 5 * 2**20, "5 MiB"),
        ("euros", 1258.5, "€1,258.50"),
        ("cores", 0.5, "0.5 cores"),
        ("count", None, "?"),
    ],
)
def test_a_value_is_formatted_for_reading(unit, value, text):
    assert figures.Figure("it", value, unit).text == text


@pytest.mark.parametrize(
    ("before", "after", "lower_is_better", "change", "better"),
    [
        (100, 90, True, "-10.0%", True),
        (100, 110, True, "+10.0%", False),
        (100, 110, False, "+10.0%", True),
        (100, 100.5, True, "+0.5%", None),
        (0, 3, True, "new", False),
        (0, 0, True, "", None),
        (100, 50, None, "-50.0%", None),
        (None, 5, True, "", None),
    ],
)
def test_a_change_is_marked_as_better_or_worse(before, after, lower_is_better, change, better):
    (found,) = figures.changes(
        [figures.Figure("it", before, "count", "", lower_is_better)],
        [figures.Figure("it", after, "count", "", lower_is_better)],
    )

    assert (found.change, found.better) == (change, better)


def dashboards(*panels: Panel) -> list[Dashboard]:
    """Return a list with one dashboard, which has these panels. Their IDs start at 1."""
    numbered = [
        Panel(each.dashboard, number, f"{each.type} {HOSTILE}", each.type, each.json, each.needs)
        for number, each in enumerate(panels, start=1)
    ]
    return [Dashboard("test", f"Test {HOSTILE}", f"All of it. {HOSTILE}", [Row(HOSTILE, numbered)], {}, {}, [])]


@pytest.fixture
def every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use one dashboard: a panel of every supported type, one of an unsupported type, and three without a result."""
    shown = dashboards(
        panel("timeseries", "up"),
        panel("stat", "up"),
        panel("gauge", "sum(up)"),
        panel("bargauge", "up"),
        panel("table", "up"),
        panel("heatmap", "sum by (le) (rate(seconds_bucket[20s]))"),
        panel("piechart", "up"),
        panel("stat", "nothing"),
        panel("stat", "sum("),
        panel("stat", "up", needs=("postgres",)),
    )
    monkeypatch.setattr(page.model, "load", lambda: shown)


STATES = {
    **{"timeseries": "drawn", "stat": "drawn", "gauge": "drawn", "bargauge": "drawn", "table": "drawn"},
    "heatmap": "drawn",
    "piechart": "unknown",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[WebDriver]:
    with chromium_of(1280, 900) as browser:
        yield browser


@pytest.fixture
def browser(chromium: WebDriver) -> Iterator[WebDriver]:
    """Headless Chromium with a desktop-sized window. Log entries from earlier tests have been discarded."""
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def states(browser) -> list[str]:
    browser.execute_script("window.drawAll()")
    return [article.get_attribute("data-state") for article in browser.find_elements("css selector", "article.panel")]


def opened(browser, tmp_path: Path, runs: list[Run], api: Api) -> Path:
    """Write a report to a file, open it in a browser without a network, and return the file."""
    file = tmp_path / "report.html"
    page.write(file, runs, api, frozenset())
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    browser.get(file.as_uri())
    return file


def test_a_report_draws_every_panel_without_a_network(browser, tmp_path, api, every_kind):
    opened(browser, tmp_path, [run()], api)

    assert states(browser) == [*STATES.values(), "empty", "failed", "absent"]
    assert browser.get_log("browser") == []
    assert "PASSED: 600 requests in 60 s (10.0/s), none failed." in browser.find_element("tag name", "body").text
    for kind in ("timeseries", "heatmap"):
        (chart,) = browser.find_elements("css selector", f'article.panel[data-type="{kind}"] svg')
        assert chart.size["width"] > 100
        assert chart.size["height"] > 50
        assert chart.find_elements("css selector", "path")


def test_html_in_labels_is_shown_as_text(browser, tmp_path, api, every_kind):
    file = opened(browser, tmp_path, [run(notes=[HOSTILE])], api)
    browser.execute_script("window.drawAll()")

    assert browser.find_elements("css selector", "img") == []
    assert HOSTILE in browser.find_element("tag name", "body").text
    assert HOSTILE not in re.sub(r"(?s)<script>.*?</script>", "", file.read_text())


def test_two_runs_are_shown_side_by_side(browser, tmp_path, api, every_kind):
    other = {**RESULT, "requests": 500, "start": END - 50, "end": END}
    opened(browser, tmp_path, [run(), run(other)], api)

    assert states(browser) == [*STATES.values(), "empty", "failed", "absent"]
    assert browser.get_log("browser") == []
    assert "-16.7%" in browser.find_element("tag name", "body").text


def test_a_report_does_not_scroll_sideways_on_a_phone(browser, tmp_path, api, every_kind):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    opened(browser, tmp_path, [run()], api)
    browser.execute_script("window.drawAll()")

    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390


def test_without_prometheus_the_report_still_shows_the_result_of_the_run(tmp_path, no_api):
    file = tmp_path / "report.html"

    page.write(file, [run()], no_api, frozenset())

    document = json.loads(re.search(r'id="document">(.*?)</script>', file.read_text(), re.DOTALL)[1])
    results = [
        panel["results"][0]
        for dashboard in document["dashboards"]
        for row in dashboard["rows"]
        for panel in row["panels"]
    ]
    assert {each["state"] for each in results} == {"failed", "absent"}
    assert "PASSED: 600 requests" in file.read_text()


def test_a_run_older_than_the_data_in_prometheus_has_empty_panels(tmp_path, api):
    long_ago = {**RESULT, "start": END - 86_400, "end": END - 86_340}

    assert "No data in this time range." in page.page([run(long_ago)], api, frozenset())


def test_a_report_that_cannot_be_written_does_not_replace_the_old_one(tmp_path, api, monkeypatch):
    file = tmp_path / "report.html"
    file.write_text("the old one")
    monkeypatch.setattr(page, "page", lambda *_: "\ud800")

    with pytest.raises(UnicodeEncodeError):
        page.write(file, [], api, frozenset())

    assert file.read_text() == "the old one"
