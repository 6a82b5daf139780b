"""Django's cache usage."""

from grafana.boards.django.requests import REACHED
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import HIT_RATIO_COLORS

LOOKUPS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", LOOKUPS)
MISSES = or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", LOOKUPS)
FAILED_LOOKUPS = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", LOOKUPS)
HIT_RATIO = Query(f"{HITS} / ({LOOKUPS} > 0)", "hits")
LOOKUPS_PER_REQUEST = Query(f"{LOOKUPS} / ({REACHED} > 0)", "lookups")


def hit_ratio() -> Panel:
    return stat(
        "Cache hit ratio",
        "percentunit",
        "Share of cache lookups that found an entry; empty while there are no lookups. Should be high.",
        HIT_RATIO,
        thresholds=HIT_RATIO_COLORS,
    )


def lookups() -> Panel:
    return timeseries(
        "Cache lookups",
        "rps",
        "Lookups by result. Misses are normal after a restart and when entries expire. Failed lookups mean that the"
        " cache is down; the shop still works, only more slowly.",
        Query(HITS, "hits"),
        Query(MISSES, "misses"),
        Query(FAILED_LOOKUPS, "failed"),
        stacked=True,
    )


def hit_ratio_over_time() -> Panel:
    return timeseries(
        "Cache hit ratio over time",
        "percentunit",
        "Should be high and flat; a dip means that the cache was restarted or that there are many new keys.",
        HIT_RATIO,
        max=1,
        runbook="CacheHitRatioLow",
    )


def lookups_per_request() -> Panel:
    return timeseries(
        "Cache lookups per request",
        "short",
        "Mean number of cache lookups per request. A step after a deploy means that a page uses the cache more, or no"
        " longer.",
        LOOKUPS_PER_REQUEST,
    )
