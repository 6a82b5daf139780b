"""Headless Chromium, as the pictures and the tests look at pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

from lab.errors import LabError

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # The lab's certificate authority is in no browser's store; the tests of the shop verify its certificate.
    "--ignore-certificate-errors",
)


@contextmanager
def chromium(width: int, height: int) -> Iterator[WebDriver]:
    """Run Chromium with a window of that size; raises LabError where there is none."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        raise LabError("there is no Chromium with its chromedriver: apt install chromium chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
            yield browser
