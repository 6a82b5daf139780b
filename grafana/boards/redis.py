"""The Redis dashboard, for the shop's cache (Redis or Valkey): commands, hit ratio and memory."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import HIT_RATIO_COLORS, NONE_IS_GOOD, UP

REDIS = ("redis",)

HITS = "sum(rate(redis_keyspace_hits_total{$selector}[$__rate_interval]))"
MISSES = "sum(rate(redis_keyspace_misses_total{$selector}[$__rate_interval]))"
SECONDS_BY_COMMAND = "sum by (cmd) (rate(redis_commands_duration_seconds_total{$selector}[$__rate_interval]))"
COMMANDS_BY_COMMAND = "sum by (cmd) (rate(redis_commands_total{$selector}[$__rate_interval]))"

REACHED = Query("min(redis_up{$selector})")
CLIENTS = Query("sum(redis_connected_clients{$selector})", "clients")
CLIENTS_LIMIT = Query("sum(redis_config_maxclients{$selector})", "limit")
COMMANDS = Query("sum(rate(redis_commands_total{$selector}[$__rate_interval]))")
HIT_RATIO = Query(f"{HITS} / ({HITS} + {MISSES} > 0)", "hits")
EVICTED = Query("sum(increase(redis_evicted_keys_total{$selector}[$__range]))", instant=True)
MEMORY = Query("sum(redis_memory_used_bytes{$selector})", "used")

BY_COMMAND = Query(COMMANDS_BY_COMMAND, "{{cmd}}")
TIME_BY_COMMAND = Query(f"{SECONDS_BY_COMMAND} / ({COMMANDS_BY_COMMAND} > 0)", "{{cmd}}")
BUSY = Query(SECONDS_BY_COMMAND, "{{cmd}}")

FOUND = Query(HITS, "hits")
NOT_FOUND = Query(MISSES, "misses")
# 0 means no limit.
MEMORY_LIMIT = Query("sum(redis_memory_max_bytes{$selector}) > 0", "limit")
EVICTIONS = Query("sum(rate(redis_evicted_keys_total{$selector}[$__rate_interval]))", "evicted")


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-redis",
        title="Redis",
        description="Commands, hit ratio and memory of the cache. Also works for Valkey.",
        of="redis_up",
        rows=(
            Row("At a glance", (status(), clients(), commands(), hit_ratio(), memory_used(), evicted())),
            Row("Commands", (by_command(), mean_duration(), busy_time(), connections())),
            Row("Keys and memory", (lookups(), hit_ratio_over_time(), memory(), evictions())),
        ),
    )


def status() -> Panel:
    return stat(
        "Redis status",
        "short",
        "Whether the exporter can reach the cache. While the cache is down, the shop still works, only more slowly.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        needs=REDIS,
        runbook="CacheDown",
    )


def clients() -> Panel:
    return stat(
        "Connected clients",
        "short",
        "Open connections: at most one per worker, plus the exporter's. Steady growth is a leak.",
        CLIENTS,
        needs=REDIS,
    )


def commands() -> Panel:
    return stat("Command rate", "ops", "All commands per second, including the exporter's.", COMMANDS, needs=REDIS)


def hit_ratio() -> Panel:
    return stat(
        "Cache hit ratio",
        "percentunit",
        "Share of lookups that found a key; empty while there are no lookups. Should be high; a drop means more work"
        " for the database.",
        HIT_RATIO,
        thresholds=HIT_RATIO_COLORS,
        needs=REDIS,
    )


def memory_used() -> Panel:
    return stat(
        "Memory usage",
        "bytes",
        "Memory used by keys and by the cache itself. It should stay well below the limit.",
        MEMORY,
        needs=REDIS,
    )


def evicted() -> Panel:
    return stat(
        "Evicted keys",
        "short",
        "Keys evicted in the selected time range because memory was full. Should be 0; otherwise the limit is too low"
        " for the data.",
        EVICTED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        needs=REDIS,
    )


def by_command() -> Panel:
    return timeseries(
        "Command rate by type",
        "ops",
        "The commands get and set come from the shop; info, config and latency come from the exporter.",
        BY_COMMAND,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def mean_duration() -> Panel:
    return timeseries(
        "Mean command duration",
        "s",
        "Time that the cache takes for a command, excluding the network. get and set should take microseconds. A slow"
        " command blocks all others.",
        TIME_BY_COMMAND,
        width=6,
        needs=REDIS,
    )


def busy_time() -> Panel:
    return timeseries(
        "Busy time by command",
        "percentunit",
        "Share of one core that the commands use. They run one after another, so near 100% the cache is saturated.",
        BUSY,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def connections() -> Panel:
    return timeseries(
        "Connections and limit",
        "short",
        "Should be flat, at about one per worker. At the limit new connections are refused.",
        CLIENTS,
        CLIENTS_LIMIT,
        overrides={"limit": LIMIT},
        width=6,
        needs=REDIS,
        runbook="CacheConnectionsNearLimit",
    )


def lookups() -> Panel:
    return timeseries(
        "Cache lookups",
        "ops",
        "Lookups by result. Misses are normal after a restart and when entries expire, and rare otherwise.",
        FOUND,
        NOT_FOUND,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def hit_ratio_over_time() -> Panel:
    return timeseries(
        "Cache hit ratio over time",
        "percentunit",
        "Should be high and flat. A dip is a restart, an eviction or many new keys.",
        HIT_RATIO,
        max=1,
        width=6,
        needs=REDIS,
    )


def memory() -> Panel:
    return timeseries(
        "Memory and limit",
        "bytes",
        "At the limit, the least recently used keys are evicted. If there is no red line, there is no limit.",
        MEMORY,
        MEMORY_LIMIT,
        overrides={"limit": LIMIT},
        width=6,
        needs=REDIS,
        runbook="CacheMemoryNearLimit",
    )


def evictions() -> Panel:
    return timeseries(
        "Eviction rate",
        "suffix: keys/s",
        "Should be 0. Continuous evictions mean that new entries push out entries that are still needed.",
        EVICTIONS,
        width=6,
        needs=REDIS,
    )
