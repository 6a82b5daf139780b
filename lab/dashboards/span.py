"""Time ranges, and the values of Grafana's built-in variables for them.

The values are computed as in Grafana's Prometheus datasource (``datasource.ts``, ``getRateIntervalScopedVariable``) and
in ``rangeutil.ts`` (``roundInterval``). The step is the length of the range divided by the number of points that fit.
It is rounded, and is at least the scrape interval. ``$__rate_interval`` is the step plus one scrape interval, and at
least four scrape intervals.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from lab import times
from lab.errors import LabError
from lab.times import SCRAPE_SECONDS

#: The maximum number of points in a line: as many as fit in a panel that takes up half of a laptop screen.
MAX_POINTS = 500
#: Pairs of a threshold and a rounded step, in seconds. A step is rounded to the value in the last pair whose threshold
#: it reaches.
ROUNDED = ((0, 1), (1.5, 2), (3.5, 5), (7.5, 10), (12.5, 15), (17.5, 20), (25, 30), (45, 60), (90, 120), (210, 300))
ROUNDED += ((450, 600), (750, 900), (1050, 1200), (1500, 1800), (2700, 3600), (5400, 7200), (9000, 10_800))

VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<plain>\w+))")


@dataclass(frozen=True)
class Span:
    """A time range, in Unix seconds."""

    start: float
    end: float
    #: The maximum number of points in a line.
    points: int = MAX_POINTS

    @property
    def seconds(self) -> int:
        """The length in whole seconds, at least 1."""
        return max(1, round(self.end - self.start))

    @property
    def step(self) -> int:
        """The number of seconds from one point to the next."""
        exact = self.seconds / self.points
        place = bisect_right([start for start, _ in ROUNDED], exact) - 1
        return max(SCRAPE_SECONDS, ROUNDED[place][1])

    @property
    def aligned(self) -> tuple[int, int]:
        """The start and end, rounded down to whole steps as in Grafana, so that a redrawn panel has the same points."""
        return math.floor(self.start / self.step) * self.step, math.floor(self.end / self.step) * self.step

    @property
    def rate_interval(self) -> int:
        """The value of ``$__rate_interval`` in seconds."""
        return max(self.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)

    def interpolate(self, text: str, chosen: Mapping[str, str]) -> str:
        """Return a query with its variables filled in from ``chosen`` and from Grafana's built-in variables.

        Raises LabError for an unknown variable.
        """
        known = {
            "__interval": f"{self.step}s",
            "__interval_ms": str(self.step * 1000),
            "__rate_interval": f"{self.rate_interval}s",
            "__range": f"{self.seconds}s",
            "__range_s": str(self.seconds),
            "__range_ms": str(self.seconds * 1000),
            **chosen,
        }

        def value(match: re.Match) -> str:
            name = match["braced"] or match["plain"]
            if name not in known:
                raise LabError(f"a query uses the variable ${name}, which its dashboard does not have: {text}")
            return known[name]

        return VARIABLE.sub(value, text)


def last(start: str, end: float) -> Span:
    """Return the time range for a start such as Grafana's ``now-15m``; raises LabError for any other form."""
    found = re.fullmatch(r"now-(\d+)([smhd])", start)
    if not found:
        raise LabError(f"{start!r} is not a time range: write it like now-15m.")
    return Span(end - int(found[1]) * times.UNITS[found[2]], end)
