"""Request durations as measured by Locust, NGINX and Django.

A histogram only shows the bucket that a duration falls into, so quantiles from NGINX and Django are intervals.
"""

import math
from collections import defaultdict
from collections.abc import Container, Mapping
from typing import NamedTuple

from lab.runs.ledger.snapshot import Series, route_of
from loadtest.tally import QUANTILES

#: Each job's histogram, and the label that contains the route.
HISTOGRAMS = {
    "nginx-log": ("nginx_http_request_duration_seconds", "route"),
    "django": ("django_http_requests_latency_seconds_by_view_method", "view"),
}
#: Tolerance: NGINX truncates times to milliseconds, and it counts data as sent while the kernel is still buffering it.
CLOCK_SECONDS = 0.002


class Interval(NamedTuple):
    """A duration of more than ``above`` and at most ``maximum`` seconds."""

    above: float
    maximum: float


class Quantiles(NamedTuple):
    """The quantile ``q`` of a route's request durations: in seconds for Locust, as intervals for NGINX and Django.

    ``nginx`` and ``django`` are None if they are unknown. If all requests that NGINX counted came from Locust and got a
    response, ``alone`` is true. All tiers have then measured the same requests.
    """

    route: str
    q: float
    locust: float
    nginx: Interval | None
    django: Interval | None
    alone: bool

    @property
    def credible(self) -> bool:
        """Whether the quantiles are plausible: none is higher than in the tier in front of it."""
        if not self.alone or not self.nginx:
            return True
        django_credible = self.django is None or self.nginx.maximum + CLOCK_SECONDS >= self.django.above
        return self.locust + CLOCK_SECONDS >= self.nginx.above and django_credible


def bucket_of_quantile(counts: Mapping[float, float], q: float) -> Interval | None:
    """Return the bucket that contains the quantile ``q``, or None when nothing was counted.

    ``counts`` contains cumulative counts by upper bound in seconds, as in Prometheus.
    """
    bounds = sorted(counts)
    if not bounds or not counts[bounds[-1]]:
        return None
    rank = max(math.ceil(q * counts[bounds[-1]]), 1)
    above = 0.0
    for bound in bounds:
        if counts[bound] >= rank:
            return Interval(above, max(bound, 0.0))
        above = max(bound, 0.0)
    raise ValueError("a histogram whose buckets are not cumulative")


def by_route(increase: Mapping[Series, float], label: str) -> dict[str, dict[float, float]]:
    """Return a histogram's cumulative counts by route and upper bound, summed over all methods."""
    found: defaultdict[str, defaultdict[float, float]] = defaultdict(lambda: defaultdict(float))
    for (name, labels), n in increase.items():
        if name.endswith("_bucket"):
            values = dict(labels)
            found[route_of(values[label])][float(values["le"])] += n
    return {route: dict(counts) for route, counts in found.items()}


def compare(
    seen: Mapping[str, Mapping[str, float]],
    histograms: Mapping[str, Mapping[str, Mapping[float, float]]],
    alone: Container[str],
) -> list[Quantiles]:
    """Return each route's quantiles.

    ``seen`` contains Locust's quantiles in seconds, by route and quantile (as text). ``histograms`` contains the counts
    of ``HISTOGRAMS`` by job and route. ``alone`` contains the routes for which all tiers measured the same requests.
    """
    return [
        Quantiles(
            route,
            q,
            quantiles[str(q)],
            bucket_of_quantile(histograms.get("nginx-log", {}).get(route, {}), q),
            bucket_of_quantile(histograms.get("django", {}).get(route, {}), q),
            alone=route in alone,
        )
        for route, quantiles in sorted(seen.items())
        for q in QUANTILES
    ]
