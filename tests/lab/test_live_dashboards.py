"""Live dashboards: test URL parsing, and load the pages served by a running receiver in a real browser."""

import time
from collections.abc import Iterator

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from lab.dashboards import model
from lab.runs.report import live
from lab.runs.report.live import Live, View
from tests.browser import chromium_of
from tests.eventually import eventually
from tests.receiver import running_receiver, status_of
from tests.stored import every_five_seconds, prometheus_with

LAB = next(each for each in model.load() if each.uid == "pomar-lab")
#: The key of the panel on this dashboard that shows how many targets are down.
TARGETS = next(f"{LAB.uid}-{panel.id}" for panel in LAB.panels if panel.title == "Targets down")
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def stopping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, object]]:
    """The URL of a receiver with live dashboards, and the Prometheus that it queries, so that a test can stop it."""
    now = time.time()
    labels = 'namespace="pomar",job="{}",instance="{}"'
    samples = [
        *every_five_seconds(f"up{{{labels.format('django', 'one')}}}", [1] * 60, now),
        *every_five_seconds(f"up{{{labels.format('nginx', HOSTILE)}}}", [0] * 60, now),
    ]
    prometheus = prometheus_with(samples, tmp_path_factory.mktemp("prometheus"))
    url = prometheus.__enter__()
    file = tmp_path_factory.mktemp("receiver") / "kept.jsonl"
    with running_receiver(file, f"--prometheus={url}") as receiver:
        yield receiver, prometheus
    prometheus.__exit__(None, None, None)


@pytest.fixture(scope="module")
def receiver(stopping) -> str:
    """The receiver's URL."""
    return stopping[0]


def data(receiver: str, **parameters: str) -> dict:
    return requests.get(f"{receiver}/dashboards/{LAB.uid}/data", params=parameters, timeout=10).json()


@pytest.mark.parametrize(
    ("query", "start", "chosen"),
    [
        ("", "now-15m", {}),
        ("from=now-1h", "now-1h", {}),
        ("from=now-7y&var-nothing=x", "now-15m", {}),
        ("var-job=&var-instance=%24__all", "now-15m", {}),
        ("var-job=nginx-log", "now-15m", {"job": "nginx-log"}),
        ("var-job=a&var-job=b", "now-15m", {"job": "a|b"}),
        ("var-instance=https://x.y:1/?%22%5C", "now-15m", {"instance": r"https://x\\.y:1/\\?\"\\\\"}),
    ],
)
def test_a_url_selects_a_time_range_and_variable_values(query, start, chosen):
    view = View.of(LAB, query)

    assert view.range == start
    assert view.chosen == {"namespace": ".*", "job": ".*", "instance": ".*"} | chosen


@pytest.mark.parametrize("uid", [each.uid for each in model.load()])
def test_every_dashboard_has_a_page(receiver, uid):
    page = requests.get(f"{receiver}/dashboards/{uid}?var-instance={HOSTILE}", timeout=10)

    assert page.status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert HOSTILE not in page.text


def test_the_index_redirects_to_the_first_dashboard(receiver):
    assert requests.get(f"{receiver}/dashboards/", timeout=10).url == f"{receiver}/dashboards/{model.load()[0].uid}"


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "nothing/data",
        "assets/../page.py",
        "assets/page.html.j2",
        "assets/js",
        "a/b",
        f"assets/{'a' * 300}.js",
    ],
)
def test_any_other_path_is_not_found(receiver, path):
    assert status_of(f"{receiver}/dashboards/{path}") == 404


def test_a_panel_shows_the_results_for_the_selected_values(receiver):
    everything = data(receiver, panels=TARGETS)["panels"]
    chosen = data(receiver, panels=TARGETS, **{"var-instance": HOSTILE, "from": "now-5m"})["panels"]
    other = data(receiver, panels=TARGETS, **{"var-instance": "</script>.*"})["panels"]

    assert everything.keys() == {TARGETS}
    assert everything[TARGETS]["values"][0]["value"] == 1
    assert chosen[TARGETS]["values"][0]["value"] == 1
    assert other[TARGETS]["state"] == "empty"


def test_the_page_reports_that_prometheus_does_not_respond(tmp_path):
    with running_receiver(tmp_path / "kept.jsonl", "--prometheus=http://127.0.0.1:1") as receiver:
        found = data(receiver, panels=TARGETS)
        page = requests.get(f"{receiver}/dashboards/{LAB.uid}", timeout=10)

    assert found == {
        "problem": "Prometheus is not responding at http://127.0.0.1:1 (ConnectionError): see `make status`."
    }
    assert page.status_code == 200
    assert found["problem"] in page.text.replace("&#39;", "'")


def test_a_slow_prometheus_does_not_delay_the_page_beyond_its_patience(monkeypatch, tmp_path):
    samples = every_five_seconds('up{namespace="pomar",job="django",instance="one"}', [1] * 60, time.time())
    monkeypatch.setattr(live, "PATIENCE_SECONDS", 0)

    with prometheus_with(samples, tmp_path) as url:
        found = Live(url).data(LAB.uid, f"panels={TARGETS}")

    assert found["panels"] == {TARGETS: live.TOO_SLOW}


def test_dashboards_redirect_to_grafana_if_there_is_one(tmp_path):
    with running_receiver(tmp_path / "kept.jsonl", "--grafana=http://localhost:3000") as receiver:
        found = [
            requests.get(f"{receiver}/dashboards/{path}", allow_redirects=False, timeout=5)
            for path in ("pomar-nginx?from=now-1h", "")
        ]

    assert [each.status_code for each in found] == [302, 302]
    assert [each.headers["Location"] for each in found] == [
        "http://localhost:3000/d/pomar-nginx?from=now-1h",
        "http://localhost:3000/dashboards",
    ]


@pytest.fixture(scope="module", params=[(1280, 900), (390, 844)], ids=["desk", "phone"])
def browser(request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    """Headless Chromium, first with a desktop-sized window, then with a phone-sized one."""
    with chromium_of(*request.param) as found:
        yield found


def shown(browser: WebDriver, key: str) -> str:
    """Return the text in a panel."""
    return browser.find_element(By.CSS_SELECTOR, f"[data-key='{key}'] .body").text


def test_a_browser_can_render_the_page_and_select_values_without_scrolling(receiver, browser):
    browser.get(f"{receiver}/dashboards/{LAB.uid}")
    eventually(lambda: shown(browser, TARGETS) == "1", because="one of two targets is down")
    browser.find_element(By.CSS_SELECTOR, "select[name='var-job'] option[value='django']").click()
    eventually(lambda: "var-job=django" in browser.current_url, because="the selection is in the URL")
    eventually(lambda: shown(browser, TARGETS) == "0", because="this job's target is up")

    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_an_open_page_says_when_prometheus_goes_down(stopping, tmp_path_factory):
    """This must be the last test in the module, because it stops the Prometheus that all tests share."""
    receiver, prometheus = stopping
    with chromium_of(1280, 900) as browser:
        browser.get(f"{receiver}/dashboards/{LAB.uid}")
        eventually(lambda: shown(browser, TARGETS) == "1", because="the panel is drawn")
        prometheus.__exit__(None, None, None)
        problem = browser.find_element(By.ID, "problem")
        eventually(lambda: "Prometheus is not responding" in problem.text, because="the page is updated", timeout=20)

        assert shown(browser, TARGETS) == "1"
        assert "stale" in browser.find_element(By.TAG_NAME, "body").get_attribute("class")
