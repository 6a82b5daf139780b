"""Thresholds of panels: from which value on which colour."""

from collections.abc import Sequence

#: Availability that the shop promises its visitors, and how soon 95 of 100 answers are there.
AVAILABILITY_OBJECTIVE = 0.999
LATENCY_OBJECTIVE_SECONDS = 0.5

#: The value from which on a colour is shown, and the colour; None is the lowest of all.
Thresholds = Sequence[tuple[float | None, str]]
NEUTRAL: Thresholds = ((None, "blue"),)
NONE_IS_GOOD: Thresholds = ((None, "green"), (0.000001, "red"))
SLOW: Thresholds = ((None, "transparent"), (LATENCY_OBJECTIVE_SECONDS, "red"))
ALMOST_FULL: Thresholds = ((None, "transparent"), (0.9, "red"))
UP: Thresholds = ((None, "red"), (1, "green"))
SHARE_USED: Thresholds = ((None, "green"), (0.7, "orange"), (0.9, "red"))
SHARE_OF_ERRORS: Thresholds = ((None, "green"), (0.001, "orange"), (0.01, "red"))
SHARE_FOUND: Thresholds = ((None, "red"), (0.5, "orange"), (0.8, "green"))
