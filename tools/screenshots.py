"""Take the screenshots for the README and the docs, from the running lab and its last report."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

from selenium.webdriver.remote.webdriver import WebDriver

from lab.paths import ROOT
from lab.runtimes import services
from lab.runtimes.base import Runtime
from tools import browser

FOLDER = ROOT / "docs" / "pictures"
WIDTH = 1280
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
#: The query in the Prometheus screenshot.
EXPRESSION = "sum by (route) (rate(nginx_http_responses_total[30s]))"
#: A WebP quality at which text is still sharp and a whole page is smaller than 200 KB.
QUALITY = 80


def take(runtime: Runtime, report: Path) -> list[Path]:
    """Take all screenshots and return their paths. Raises LabError if Chromium is not installed."""
    shop, prometheus = (runtime.url(services.named(name)) for name in ("nginx", "prometheus"))
    graph = f"{prometheus}graph?g0.tab=0&g0.range_input=10m&g0.expr={EXPRESSION}"
    with browser.chromium(WIDTH, 800) as chromium:
        return [
            _picture(chromium, "report", report.as_uri(), 1000, _draw_all),
            _picture(chromium, "overview", report.as_uri(), 1240, _draw_all, at="#dashboard-pomar-overview"),
            _picture(chromium, "dark", report.as_uri(), 1000, _draw_all, at="#dashboard-pomar-nginx", dark=True),
            _picture(chromium, "phone", report.as_uri(), 844, _draw_all, at="#dashboard-pomar-uwsgi", phone=True),
            _picture(chromium, "shop", shop, 760, _wait),
            _picture(chromium, "prometheus", graph, 720, _wait),
        ]


def _picture(
    chromium: WebDriver,
    name: str,
    url: str,
    height: int,
    prepare: Callable[[WebDriver], None],
    *,
    at: str = "body",
    dark: bool = False,
    phone: bool = False,
) -> Path:
    """Take a screenshot of a page. It starts at the element ``at`` and is ``height`` pixels high."""
    size = PHONE if phone else {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    chromium.get(url)
    prepare(chromium)
    top = chromium.execute_script(
        "return document.querySelector(arguments[0]).getBoundingClientRect().top + window.scrollY", at
    )
    shot = chromium.execute_cdp_cmd(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": QUALITY,
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": top, "width": size["width"], "height": height, "scale": 1},
        },
    )
    file = FOLDER / f"{name}.webp"
    file.write_bytes(base64.b64decode(shot["data"]))
    return file


def _draw_all(chromium: WebDriver) -> None:
    chromium.execute_script("window.drawAll()")


def _wait(chromium: WebDriver) -> None:
    """Wait until a page has probably loaded its data."""
    time.sleep(2)
