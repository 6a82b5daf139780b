"""Grafana as an anonymous user sees it: version, plugins, datasource, dashboards, queries and events.

The tests use its HTTP API (https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/) without
signing in, except to list plugins and datasources, for which they sign in as the administrator. On a runtime without
Grafana, they are skipped.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence

import pytest
import requests
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from lab import http
from lab.dashboards import model
from lab.dashboards.answers import all_chosen
from lab.dashboards.model import Dashboard, Panel
from lab.dashboards.span import Span
from lab.paths import REPORTS, ROOT
from lab.runtimes import services
from tests.browser import chromium_of
from tests.eventually import eventually

PROVISIONED = yaml.safe_load((ROOT / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text())
SOURCES = {source["uid"]: source for source in PROVISIONED["datasources"]}
#: The initial value of the variable ``$datasource``.
DEFAULT = next({name: source[name] for name in ("type", "uid")} for source in SOURCES.values() if source["isDefault"])
DASHBOARDS = [pytest.param(dashboard, id=dashboard.uid) for dashboard in model.load()]
FILES = {file["uid"]: file for file in (json.loads(path.read_text()) for path in model.FOLDER.glob("*.json"))}
#: Grafana's own datasource. The annotations that Grafana adds to every dashboard use it.
BUILT_IN = {"grafana", "-- Grafana --"}
SHOWN_SECONDS = 900
#: Grafana responds before it has loaded the dashboards, and it caches permissions for a minute.
LOADED_SECONDS = 75
#: Selectors from @grafana/e2e-selectors 12.4 (``Components.Panels.Panel``).
CONTENT = '[data-testid="data-testid panel content"]'
LOADING = '[aria-label="Panel loading bar"]'
WRONG = '[data-testid="data-testid Panel status error"], [data-testid="data-testid Panel data error message"]'


class Grafana:
    """Grafana's HTTP API."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self._administrator = ("admin", password)

    def get(self, path: str) -> requests.Response:
        """Return the response that an anonymous user gets."""
        return http.get(f"{self.url}{path}", timeout=10)

    def all_of(self, path: str) -> list[dict]:
        """Request a list as the administrator and return it. Other users cannot see the whole list."""
        response = http.get(f"{self.url}{path}", auth=self._administrator, timeout=10)
        assert response.status_code == 200, response.text
        return response.json()

    def query(self, targets: Sequence[Mapping], span: Span) -> dict[str, dict]:
        """Run the targets as a panel does. Return each target's result, with ``error`` or ``frames``, by its letter.

        https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/api-legacy/data_source/
        """
        asked = {"intervalMs": span.step * 1000, "maxDataPoints": span.points}
        start, end = (str(round(at * 1000)) for at in (span.start, span.end))
        body = {"queries": [{**asked, **target} for target in targets], "from": start, "to": end}
        response = http.session.post(f"{self.url}/api/ds/query", json=body, timeout=30)
        try:
            return response.json()["results"]
        except (ValueError, KeyError):
            error = f"{response.status_code}: {response.text[:200]}"
            return {target["refId"]: {"error": error} for target in targets}


@pytest.fixture(scope="module")
def grafana(runtime) -> Grafana:
    if "grafana" not in runtime.provides:
        pytest.skip(f"not on {runtime.name}: needs grafana")
    password = ["cat", "/run/secrets/grafana/admin-password"]
    found = runtime.run(password, services.named("grafana"), capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return Grafana(runtime.url(services.named("grafana"), ""), found.stdout.strip())


@pytest.fixture(scope="module")
def served(grafana) -> dict[str, dict]:
    """The dashboards as Grafana serves them, by uid."""

    def missing() -> list[str]:
        return [uid for uid in FILES if grafana.get(f"/api/dashboards/uid/{uid}").status_code != 200]

    because = "every dashboard is loaded and visible without signing in"
    eventually(missing, because=because, timeout=LOADED_SECONDS, wanted=lambda seen: seen == [])
    return {uid: grafana.get(f"/api/dashboards/uid/{uid}").json() for uid in FILES}


def asked_by(panel: Panel, dashboard: Dashboard, span: Span) -> Iterator[dict]:
    """Yield a panel's targets with their variables replaced, as Grafana's frontend sends them."""
    for target in panel.json["targets"]:
        if not target.get("hide"):
            expr = span.interpolate(target["expr"], all_chosen(dashboard))
            yield target | {"expr": expr, "datasource": DEFAULT}


def shows_something(result: Mapping) -> bool:
    """Return whether a result has a value; the first field of each frame is the time."""
    fields = [field for frame in result.get("frames", []) for field in frame["data"]["values"][1:]]
    return any(value is not None for field in fields for value in field)


def panels_of(content: Mapping) -> Iterator[dict]:
    """Yield the panels in a dashboard's JSON, including those in a collapsed row."""
    for panel in content["panels"]:
        yield from panel.get("panels", [])
        if panel["type"] != "row":
            yield panel


def essence(content: Mapping) -> tuple[dict, dict]:
    """Return the panels and events in a dashboard's JSON, without anything that Grafana adds or migrates."""
    panels = {
        panel["id"]: (panel["type"], panel["title"], [target["expr"] for target in panel.get("targets", [])])
        for panel in panels_of(content)
    }
    events = {
        each["name"]: each.get("expr") or each.get("target", {}).get("expr")
        for each in content["annotations"]["list"]
        if not each.get("builtIn")
    }
    return panels, events


def references(content: object) -> Iterator[object]:
    """Yield every datasource reference in part of a dashboard's JSON."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if key == "datasource" and value is not None:
            yield value
        elif isinstance(value, dict | list):
            yield from references(value)


def test_its_version_matches_its_image_tag(grafana, runtime):
    health = grafana.get("/api/health").json()

    tag = re.search(r":([^:@/]+)(?:@|$)", runtime.settings["IMAGE_GRAFANA"])[1]
    # A security release has a version such as 12.4.12+security-01; its image tag is 12.4.12-security-01.
    assert health["version"].replace("+", "-") == tag
    assert health["database"] == "ok"


def test_it_has_every_plugin_that_a_dashboard_or_datasource_uses(grafana):
    plugins = {(plugin["type"], plugin["id"]) for plugin in grafana.all_of("/api/plugins")}

    named = {("panel", panel["type"]) for file in FILES.values() for panel in panels_of(file)}
    named |= {("datasource", source["type"]) for source in SOURCES.values()}
    assert named - plugins == set()


def test_it_has_only_the_provisioned_datasources_and_they_are_read_only(grafana):
    found = {source["uid"]: source for source in grafana.all_of("/api/datasources")}

    names = ("name", "type", "url", "access")
    assert {uid: [source[name] for name in names] for uid, source in found.items()} == {
        uid: [source[name] for name in names] for uid, source in SOURCES.items()
    }
    assert [uid for uid, source in found.items() if not source["readOnly"]] == []


@pytest.mark.parametrize("uid", SOURCES)
def test_a_datasource_is_healthy(grafana, uid):
    response = grafana.get(f"/api/datasources/uid/{uid}/health")

    assert (response.status_code, response.json().get("status")) == (200, "OK"), response.text


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_provisioned_dashboard_matches_its_file(served, dashboard):
    content, meta = (served[dashboard.uid][name] for name in ("dashboard", "meta"))

    assert essence(content) == essence(FILES[dashboard.uid])
    assert (meta["provisioned"], meta["folderTitle"]) == (True, "Pomar")


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_a_dashboard_uses_only_datasources_that_exist(grafana, served, dashboard):
    content = served[dashboard.uid]["dashboard"]

    known = {source["uid"] for source in grafana.all_of("/api/datasources")} | BUILT_IN
    types = {source["type"] for source in SOURCES.values()}
    variables = [each for each in content["templating"]["list"] if each["type"] == "datasource"]
    known |= {f"${{{each['name']}}}" for each in variables if each["query"] in types}
    named = {json.dumps(each): each["uid"] if isinstance(each, dict) else each for each in references(content)}
    assert named
    assert [reference for reference, uid in named.items() if uid not in known] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_query_of_a_dashboard_has_data_after_a_load(grafana, runtime, shopped, dashboard):
    span = Span(shopped["after"] - SHOWN_SECONDS, shopped["after"])
    wrong = {}
    for panel in dashboard.panels:
        targets = list(asked_by(panel, dashboard, span))
        results = grafana.query(targets, span)
        may_be_empty = bool(panel.empty_until or set(panel.needs) - runtime.provides)
        for letter in (target["refId"] for target in targets):
            result = results.get(letter, {"error": "no result"})
            if "error" in result or not (shows_something(result) or may_be_empty):
                wrong[f"{panel.title} {letter}"] = result.get("error", "empty")

    assert wrong == {}


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_the_last_load_is_an_event_on_a_dashboard(grafana, served, shopped, dashboard):
    """Query like the Prometheus datasource, which reads the value of an event's series as the event's time in ms."""
    events = served[dashboard.uid]["dashboard"]["annotations"]["list"]
    (event,) = (each for each in events if each["name"] == "Load tests")
    target = {"interval": event.get("step"), **event.get("target", {"expr": event.get("expr")}), "refId": "Anno"}

    span = Span(shopped["after"] - SHOWN_SECONDS, shopped["after"])
    result = grafana.query([target | {"datasource": DEFAULT}], span)["Anno"]

    assert "error" not in result, result["error"]
    assert (event["enable"], event["useValueForTime"]) == (True, "on")
    ends = [
        (labels["text"], frame["data"]["values"][1][-1] / 1000)
        for frame in result["frames"]
        if (labels := frame["schema"]["fields"][1]["labels"])["phase"] == "end"
    ]
    at = {text: time for text, time in ends if time <= shopped["after"]}
    assert [text for text, time in at.items() if text.startswith("smoke finished: ") and time > shopped["start"]]


def test_a_browser_draws_the_overview(grafana, shopped):
    """The screenshot is saved alongside the load test reports."""

    def state() -> tuple[int, int, list[str]]:
        """Return the number of drawn panels, the number that are still loading, and any panel errors."""
        drawn, loading = (len(browser.find_elements(By.CSS_SELECTOR, each)) for each in (CONTENT, LOADING))
        signs = browser.find_elements(By.CSS_SELECTOR, WRONG)
        return drawn, loading, [sign.text or sign.get_attribute("aria-label") for sign in signs]

    start, end = (round(at * 1000) for at in (shopped["after"] - SHOWN_SECONDS, shopped["after"]))
    with chromium_of(1280, 1600) as browser:
        browser.get(f"{grafana.url}/d/pomar-overview?kiosk&from={start}&to={end}")
        try:
            eventually(
                state,
                because="all visible panels are drawn",
                timeout=60,
                wanted=lambda seen: seen[0] > 8 and seen[1:] == (0, []),
            )
        finally:
            keep_screenshot(browser)


def keep_screenshot(browser: WebDriver) -> None:
    """Save a screenshot in .lab/reports/."""
    REPORTS.mkdir(exist_ok=True)
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    (REPORTS / "grafana-overview.png").write_bytes(base64.b64decode(shot["data"]))
