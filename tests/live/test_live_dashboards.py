"""Live dashboards in a real browser: a panel updates under load, and afterwards no panel is empty."""

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from lab.dashboards import model
from lab.runs import load
from lab.runtimes import services
from tests.browser import chromium_of
from tests.eventually import eventually

REQUESTS = next(
    f"{each.uid}-{panel.id}"
    for each in model.load()
    if each.uid == "pomar-nginx"
    for panel in each.panels
    if panel.title == "Request rate"
)


@pytest.fixture(scope="module")
def address(runtime) -> str:
    """The base URL of the live dashboards; each dashboard is at this URL followed by its uid."""
    if "grafana" in runtime.provides:
        pytest.skip(f"not on {runtime.name}: Grafana shows its dashboards")
    return runtime.url(services.named("receiver"), "/dashboards")


def rate(browser: WebDriver) -> float:
    """Return the requests per second that the page shows, or -1 while it shows no value."""
    # In one step, because the page may replace the element at any time.
    text = browser.execute_script(f"return document.querySelector(\"[data-key='{REQUESTS}'] strong\")?.innerText ?? ''")
    digits = "".join(each for each in text if each.isdecimal() or each == ".")
    return float(digits) if digits else -1


def test_a_panel_updates_under_load(address, runtime):
    with chromium_of(1280, 900) as browser:
        browser.get(f"{address}/pomar-nginx?from=now-5m")
        # Earlier tests may have sent more requests per second than this load run will.
        before = eventually(
            lambda: rate(browser), because="the shop is idle", timeout=90, wanted=lambda seen: 0 <= seen < 10
        )
        code, _ = load.shop(runtime, "smoke", {"SEED": "11"})
        after = eventually(
            lambda: rate(browser),
            because="the page fetches new results every 5 s",
            wanted=lambda seen: seen > before + 1,
        )

    assert code == 0
    assert after > before


def test_after_a_load_no_panel_is_empty(address, shopped):
    needy = {f"{each.uid}-{panel.id}" for each in model.load() for panel in each.panels if panel.needs}

    def states(browser: WebDriver) -> dict[str, str]:
        panels = "[...document.querySelectorAll('article.panel')]"
        return dict(browser.execute_script(f"return {panels}.map(({{dataset}}) => [dataset.key, dataset.state])"))

    with chromium_of(1280, 9000) as browser:
        for each in model.load():
            browser.get(f"{address}/{each.uid}?from=now-15m")
            drawn = eventually(
                lambda: states(browser),
                because=f"every panel of {each.title} is drawn",
                timeout=30,
                wanted=lambda seen: seen and "waiting" not in seen.values(),
            )

            assert len(drawn) == len(each.panels)
            wrong = {
                key: state
                for key, state in drawn.items()
                if state != "drawn" and not (state == "empty" and key in needy)
            }
            assert wrong == {}, each.title
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
