"""A browser for tests that check rendered pages."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from lab.errors import LabError
from tools import browser


@contextmanager
def chromium_of(width: int, height: int) -> Iterator[WebDriver]:
    """Run Chromium for the duration of the block, with a window of this size in pixels.

    If Chromium cannot be started, the test is skipped. In CI, it fails.
    """
    with ExitStack() as stack:
        try:
            found = stack.enter_context(browser.chromium(width, height))
        except LabError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error), pytrace=False)
            pytest.skip(str(error))
        yield found
