"""Panel thresholds: the value from which each colour applies."""

from collections.abc import Sequence

#: Pairs of a value and the colour that applies from that value upwards. None stands for the lowest value.
Thresholds = Sequence[tuple[float | None, str]]
NEUTRAL: Thresholds = ((None, "blue"),)
NONE_IS_GOOD: Thresholds = ((None, "green"), (0.000001, "red"))
ALMOST_FULL: Thresholds = ((None, "transparent"), (0.9, "red"))
UP: Thresholds = ((None, "red"), (1, "green"))
SHARE_USED: Thresholds = ((None, "green"), (0.7, "orange"), (0.9, "red"))
HIT_RATIO_COLORS: Thresholds = ((None, "red"), (0.5, "orange"), (0.8, "green"))
