"""Wait for a condition with a timeout, without blind sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Seen = TypeVar("Seen")
_PAUSE_SECONDS = 0.05


def eventually(
    check: Callable[[], Seen], *, because: str, timeout: float = 10.0, wanted: Callable[[Seen], bool] = bool
) -> Seen:
    """Call ``check`` until what it returns is ``wanted``, and return that; by default, until it is true.

    A connection that fails (any OSError) is a thing seen, too. After ``timeout`` seconds the test fails with
    ``because`` and the last thing that was seen. An assertion in ``check`` fails the test at once.
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
