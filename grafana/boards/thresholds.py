"""Thresholds of panels: from which value on which colour."""

from collections.abc import Sequence

#: The value from which on a colour is shown, and the colour; None is the lowest of all.
Thresholds = Sequence[tuple[float | None, str]]
NEUTRAL: Thresholds = ((None, "blue"),)
NONE_IS_GOOD: Thresholds = ((None, "green"), (0.000001, "red"))
ALMOST_FULL: Thresholds = ((None, "transparent"), (0.9, "red"))
UP: Thresholds = ((None, "red"), (1, "green"))
SHARE_USED: Thresholds = ((None, "green"), (0.7, "orange"), (0.9, "red"))
SHARE_FOUND: Thresholds = ((None, "red"), (0.5, "orange"), (0.8, "green"))
