"""How long requests took, as the visitor saw it, NGINX and Django, each with what it cannot know.

A histogram knows of a request only between which two bounds it lay, so its quantile is such an interval, and no number.
"""

import math
from collections import defaultdict
from collections.abc import Container, Mapping
from typing import NamedTuple

from lab.runs.ledger.snapshot import Series, route_of
from loadtest.tally import QUANTILES

#: Histograms by job, and the label that has the route.
HISTOGRAMS = {
    "nginx-log": ("nginx_http_request_duration_seconds", "route"),
    "django": ("django_http_requests_latency_seconds_by_view_method", "view"),
}
#: NGINX cuts its times to milliseconds, and what the kernel still holds is sent for it.
CLOCK_SECONDS = 0.002


class Interval(NamedTuple):
    """Over ``above`` seconds, and no more than ``most``."""

    above: float
    most: float


class Quantiles(NamedTuple):
    """A route's quantile ``q``: what Locust saw in seconds, and where NGINX's and Django's lie, if there are any.

    ``alone`` is whether all that NGINX saw was Locust's and was answered, so that the figures are of the same requests.
    """

    route: str
    q: float
    locust: float
    nginx: Interval | None
    django: Interval | None
    alone: bool

    @property
    def credible(self) -> bool:
        """Whether each tier took no longer than the one in front of it."""
        if not self.alone or not self.nginx:
            return True
        django_fits = self.django is None or self.nginx.most + CLOCK_SECONDS >= self.django.above
        return self.locust + CLOCK_SECONDS >= self.nginx.above and django_fits


def bucket_of_quantile(counts: Mapping[float, float], q: float) -> Interval | None:
    """Return the bucket in which the smallest time lies that at least the share ``q`` of all does not exceed.

    ``counts`` are cumulative, by upper bound in seconds, as Prometheus has them. None when nothing was counted.
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
    """Return a histogram's cumulative counts by route and upper bound, all methods together."""
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

    ``seen`` has Locust's by route and quantile (as text), in seconds; ``histograms`` those of ``HISTOGRAMS`` by job and
    route; ``alone`` are the routes whose figures are of the same requests at each tier.
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
