"""The cache's traffic, errors, time and saturation."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import ALMOST_FULL

READS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = Query(or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", READS), "hits")
MISSES = Query(or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", READS), "misses")
READS_FAILED = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", READS)
# What only whoever watches or connects sends is no visitor's time.
FOR_VISITORS = '$selector,cmd!~"(acl|auth|client|config|hello|info|latency|ping|select|slowlog).*"'
COMMAND_TIME = Query(
    f"sum(rate(redis_commands_duration_seconds_total{{{FOR_VISITORS}}}[$__rate_interval]))"
    f" / (sum(rate(redis_commands_total{{{FOR_VISITORS}}}[$__rate_interval])) > 0)",
    "mean",
)
MEMORY_USED = Query(
    "sum(redis_memory_used_bytes{$selector}) / (sum(redis_memory_max_bytes{$selector}) > 0)", "memory used"
)


def traffic() -> Panel:
    return timeseries(
        "Cache traffic",
        "rps",
        "Reads of the cache by Django. Mostly hits is good; more misses are more work for the database.",
        HITS,
        MISSES,
        stacked=True,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Cache errors",
        "rps",
        "Reads that failed. Good is 0: else the cache is down, and the shop goes on without it, slower.",
        Query(READS_FAILED, "failed reads"),
        width=6,
    )


def time() -> Panel:
    return timeseries(
        "Cache time",
        "s",
        "Mean time that the cache works on a command of the shop. Good is microseconds.",
        COMMAND_TIME,
        needs=("redis",),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Cache saturation",
        "percentunit",
        "Memory against the limit; empty where there is none. At 100% the keys used least are dropped, which"
        " shows as misses.",
        MEMORY_USED,
        max=1,
        thresholds=ALMOST_FULL,
        needs=("redis",),
        width=6,
    )
