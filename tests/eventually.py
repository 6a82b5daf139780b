"""Wait for a condition with a timeout, instead of sleeping for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Seen = TypeVar("Seen")
_PAUSE_SECONDS = 0.05


def eventually(
    check: Callable[[], Seen], *, because: str, timeout: float = 10.0, wanted: Callable[[Seen], bool] = bool
) -> Seen:
    """Call ``check`` until ``wanted`` accepts its result (by default, until it is truthy), and return the result.

    An OSError, such as a failed connection, means that the condition is not met yet. After ``timeout`` seconds, the
    test fails with ``because`` and the last result or error. An assertion in ``check`` fails the test immediately.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            seen = check()
            if wanted(seen):
                return seen
        except OSError as error:
            seen = error
        if time.monotonic() > end:
            pytest.fail(f"{because}: not within {timeout:g} s, last seen {seen!r}", pytrace=False)
        time.sleep(_PAUSE_SECONDS)
