"""What Django asks of the cache."""

from grafana.boards.django.requests import REACHED
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import SHARE_FOUND

READS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", READS)
MISSES = or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", READS)
READS_FAILED = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", READS)
HIT_RATIO = Query(f"{HITS} / ({READS} > 0)", "hits")
READS_A_REQUEST = Query(f"{READS} / ({REACHED} > 0)", "reads")


def hit_ratio() -> Panel:
    return stat(
        "Cache hit ratio",
        "percentunit",
        "Share of the cache's reads that found something. Good is high; empty while nobody reads.",
        HIT_RATIO,
        thresholds=SHARE_FOUND,
    )


def reads() -> Panel:
    return timeseries(
        "Reads",
        "rps",
        "By what they found. Misses are normal after a restart and when entries expire. Failed is a cache that is"
        " down: the shop goes on, slower.",
        Query(HITS, "hits"),
        Query(MISSES, "misses"),
        Query(READS_FAILED, "failed"),
        stacked=True,
    )


def hit_ratio_over_time() -> Panel:
    return timeseries(
        "Hit ratio",
        "percentunit",
        "Good is a high, flat line; a dip is a restart of the cache or many new keys.",
        HIT_RATIO,
        max=1,
        runbook="CacheHitRatioLow",
    )


def reads_a_request() -> Panel:
    return timeseries(
        "Reads a request",
        "short",
        "What a request asks of the cache on average. A step after a deploy is a page that asks more often, or no"
        " longer.",
        READS_A_REQUEST,
    )
