"""Redis or Valkey, the shop's cache: what it is asked, how long that takes, and how full it is."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD, SHARE_FOUND, UP

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
# 0 means that there is no limit.
MEMORY_LIMIT = Query("sum(redis_memory_max_bytes{$selector}) > 0", "limit")
EVICTIONS = Query("sum(rate(redis_evicted_keys_total{$selector}[$__rate_interval]))", "evicted")


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-redis",
        title="Redis",
        description="The cache: what it is asked, how long that takes, and how full it is. Valkey speaks the same.",
        of="redis_up",
        rows=(
            Row("Now", (reached(), clients(), commands(), hit_ratio(), memory_used(), evicted())),
            Row("Commands", (by_command(), time_by_command(), busy_with(), connections())),
            Row("Keys and memory", (lookups(), hit_ratio_over_time(), memory(), evictions())),
        ),
    )


def reached() -> Panel:
    return stat(
        "Redis",
        "short",
        "Whether the exporter reaches the cache. While it is down the shop goes on without it, slower.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        needs=REDIS,
        runbook="CacheDown",
    )


def clients() -> Panel:
    return stat(
        "Clients",
        "short",
        "Open connections: at most one a worker, and the exporter's. Steady growth is a leak.",
        CLIENTS,
        needs=REDIS,
    )


def commands() -> Panel:
    return stat("Commands", "ops", "All commands, the exporter's own included.", COMMANDS, needs=REDIS)


def hit_ratio() -> Panel:
    return stat(
        "Hit ratio",
        "percentunit",
        "Share of keys asked for that were there. Good is high; empty while nobody asks. A fall sends work to the"
        " database.",
        HIT_RATIO,
        thresholds=SHARE_FOUND,
        needs=REDIS,
    )


def memory_used() -> Panel:
    return stat("Memory used", "bytes", "By keys and by the cache itself.", MEMORY, needs=REDIS)


def evicted() -> Panel:
    return stat(
        "Evicted",
        "short",
        "Keys dropped in the time shown because the memory was full. Good is 0: else the limit is too low for"
        " what is kept.",
        EVICTED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        needs=REDIS,
    )


def by_command() -> Panel:
    return timeseries(
        "By command",
        "ops",
        "get and set are the shop's; info, config and latency are the exporter's.",
        BY_COMMAND,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def time_by_command() -> Panel:
    return timeseries(
        "Mean time a command",
        "s",
        "Time the cache works on one, without the network. Good is microseconds for get and set; a long one holds"
        " up all others.",
        TIME_BY_COMMAND,
        width=6,
        needs=REDIS,
    )


def busy_with() -> Panel:
    return timeseries(
        "Busy with",
        "percentunit",
        "Share of one core that the commands take; they run one after the other. Near 100% it is full.",
        BUSY,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def connections() -> Panel:
    return timeseries(
        "Connections against the limit",
        "short",
        "At the limit new ones are refused. Good is flat, about one a worker.",
        CLIENTS,
        CLIENTS_LIMIT,
        overrides={"limit": LIMIT},
        width=6,
        needs=REDIS,
        runbook="CacheConnectionsNearLimit",
    )


def lookups() -> Panel:
    return timeseries(
        "Lookups",
        "ops",
        "Keys asked for. Misses are normal after a restart and when entries expire, and rare otherwise.",
        FOUND,
        NOT_FOUND,
        stacked=True,
        width=6,
        needs=REDIS,
    )


def hit_ratio_over_time() -> Panel:
    return timeseries(
        "Hit ratio over time",
        "percentunit",
        "Good is a high, flat line. A dip is a restart, an eviction or many new keys.",
        HIT_RATIO,
        max=1,
        width=6,
        needs=REDIS,
    )


def memory() -> Panel:
    return timeseries(
        "Memory against the limit",
        "bytes",
        "At the limit the keys used least are dropped. No red line means that no limit is set.",
        MEMORY,
        MEMORY_LIMIT,
        overrides={"limit": LIMIT},
        width=6,
        needs=REDIS,
        runbook="CacheMemoryNearLimit",
    )


def evictions() -> Panel:
    return timeseries(
        "Evictions",
        "suffix: keys/s",
        "Good is 0. Evictions that go on mean that what is written pushes out what is still wanted.",
        EVICTIONS,
        width=6,
        needs=REDIS,
    )
