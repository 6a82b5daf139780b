"""The cache's traffic, errors, latency and saturation."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.thresholds import ALMOST_FULL

LOOKUPS = "sum(rate(django_cache_get_total{$selector}[$__rate_interval]))"
HITS = Query(or_zero("sum(rate(django_cache_get_hits_total{$selector}[$__rate_interval]))", LOOKUPS), "hits")
MISSES = Query(or_zero("sum(rate(django_cache_get_misses_total{$selector}[$__rate_interval]))", LOOKUPS), "misses")
FAILED_LOOKUPS = or_zero("sum(rate(django_cache_get_fail_total{$selector}[$__rate_interval]))", LOOKUPS)
# Exclude commands that are only sent to connect or for monitoring, because no visitor waits for them.
SHOP_COMMANDS = '$selector,cmd!~"(acl|auth|client|config|hello|info|latency|ping|select|slowlog).*"'
COMMAND_TIME = Query(
    f"sum(rate(redis_commands_duration_seconds_total{{{SHOP_COMMANDS}}}[$__rate_interval]))"
    f" / (sum(rate(redis_commands_total{{{SHOP_COMMANDS}}}[$__rate_interval])) > 0)",
    "mean",
)
MEMORY_USED = Query("sum(redis_memory_used_bytes{$selector}) / (sum(redis_memory_max_bytes{$selector}) > 0)", "memory")


def traffic() -> Panel:
    return timeseries(
        "Cache traffic",
        "rps",
        "Cache lookups by Django. Most should be hits; more misses mean more work for the database.",
        HITS,
        MISSES,
        stacked=True,
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Cache errors",
        "rps",
        "Failed cache lookups. Should be 0; otherwise the cache is down, and the shop still works, only more slowly.",
        Query(FAILED_LOOKUPS, "failed lookups"),
        width=6,
    )


def latency() -> Panel:
    return timeseries(
        "Cache latency",
        "s",
        "Mean time that the cache takes for one of the shop's commands. Should be a few microseconds.",
        COMMAND_TIME,
        needs=("redis",),
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Cache saturation",
        "percentunit",
        "Memory in use, as a share of the limit; empty if there is no limit. At 100%, the least recently used keys are"
        " evicted, which causes misses.",
        MEMORY_USED,
        max=1,
        thresholds=ALMOST_FULL,
        needs=("redis",),
        width=6,
    )
