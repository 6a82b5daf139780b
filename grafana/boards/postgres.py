"""PostgreSQL: who is connected, what it is asked to do, and what it stores."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD, SHARE_USED, UP

POSTGRES = ("postgres",)

# PostgreSQL's own processes have no user and take none of the connections.
CONNECTIONS = 'pg_stat_activity_count{$selector,usename!=""}'
FOUND = "sum(rate(pg_stat_database_blks_hit{$selector}[$__rate_interval]))"
READ = "sum(rate(pg_stat_database_blks_read{$selector}[$__rate_interval]))"

REACHED = Query("min(pg_up{$selector})")
CONNECTIONS_USED = Query(f"sum({CONNECTIONS}) / sum(pg_settings_max_connections{{$selector}})")
TRANSACTIONS = Query(
    "sum(rate(pg_stat_database_xact_commit{$selector}[$__rate_interval]))"
    " + sum(rate(pg_stat_database_xact_rollback{$selector}[$__rate_interval]))"
)
HIT_RATIO = Query(f"{FOUND} / ({FOUND} + {READ})")
DEADLOCKS = Query("sum(increase(pg_stat_database_deadlocks{$selector}[$__range]))", instant=True)
SIZE = Query("sum(pg_database_size_bytes{$selector})")

COMMITTED = Query("sum(rate(pg_stat_database_xact_commit{$selector}[$__rate_interval]))", "committed")
ROLLED_BACK = Query("sum(rate(pg_stat_database_xact_rollback{$selector}[$__rate_interval]))", "rolled back")
BY_DATABASE = Query(
    "sum by (datname) (rate(pg_stat_database_xact_commit{$selector}[$__rate_interval]))"
    " + sum by (datname) (rate(pg_stat_database_xact_rollback{$selector}[$__rate_interval]))",
    "{{datname}}",
)
INSERTED = Query("sum(rate(pg_stat_database_tup_inserted{$selector}[$__rate_interval]))", "inserted")
UPDATED = Query("sum(rate(pg_stat_database_tup_updated{$selector}[$__rate_interval]))", "updated")

# The exporter also has a series of 0 for each state that nobody is in, without a user: so no state is ever missing.
BY_STATE = Query("sum by (state) (pg_stat_activity_count{$selector})", "{{state}}")
CONNECTIONS_LIMIT = Query("sum(pg_settings_max_connections{$selector})", "limit")
BY_USER = Query(f"sum by (usename) ({CONNECTIONS})", "{{usename}}")
LOCKS = Query("sum by (mode) (pg_locks_count{$selector})", "{{mode}}")
DEADLOCKS_BY_DATABASE = Query(
    "sum by (datname) (rate(pg_stat_database_deadlocks{$selector}[$__rate_interval]))", "{{datname}}"
)

BLOCKS_FOUND = Query(FOUND, "from memory")
BLOCKS_READ = Query(READ, "from the system")
SIZE_BY_DATABASE = Query("sum by (datname) (pg_database_size_bytes{$selector})", "{{datname}}")
DEAD_ROWS = Query("sum by (relname) (pg_stat_user_tables_n_dead_tup{$selector})", "{{relname}}")


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-postgres",
        title="PostgreSQL",
        description="The database as it sees itself: who is connected, what it is asked to do, and what it stores.",
        of="pg_up",
        rows=(
            Row("Now", (reached(), connections_used(), transactions(), hit_ratio(), deadlocks(), size())),
            Row("Transactions", (committed_and_rolled_back(), by_database(), rows_written())),
            Row("Connections and locks", (by_state(), by_user(), locks_by_mode())),
            Row(
                "Memory and storage", (blocks_read(), deadlocks_by_database(), size_by_database(), dead_rows_by_table())
            ),
        ),
    )


def reached() -> Panel:
    return stat(
        "PostgreSQL",
        "short",
        "Whether it answers its exporter. Down, the shop can sell nothing.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        needs=POSTGRES,
        runbook="PostgresDown",
    )


def connections_used() -> Panel:
    return stat(
        "Connections used",
        "percentunit",
        "Of what it takes at most. Good is well below 70%; at 100% it refuses the next one.",
        CONNECTIONS_USED,
        thresholds=SHARE_USED,
        needs=POSTGRES,
        runbook="PostgresConnectionsNearLimit",
    )


def transactions() -> Panel:
    return stat(
        "Transactions",
        "suffix: tx/s",
        "Ended ones, whichever way; a few are the exporter's own and health checks.",
        TRANSACTIONS,
        needs=POSTGRES,
    )


def hit_ratio() -> Panel:
    return stat(
        "Cache hit ratio",
        "percentunit",
        "Share of blocks found in PostgreSQL's own memory. Good is above 99%; less means that it is too small for"
        " what is read.",
        HIT_RATIO,
        thresholds=((None, "red"), (0.9, "orange"), (0.99, "green")),
        needs=POSTGRES,
    )


def deadlocks() -> Panel:
    return stat(
        "Deadlocks",
        "short",
        "In the time shown. Good is 0: each one ended a transaction because two waited for each other.",
        DEADLOCKS,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        needs=POSTGRES,
    )


def size() -> Panel:
    return stat(
        "Size",
        "bytes",
        "All databases on disk. It grows slowly with the orders; a jump is a surprise.",
        SIZE,
        thresholds=NEUTRAL,
        needs=POSTGRES,
    )


def committed_and_rolled_back() -> Panel:
    return timeseries(
        "Committed and rolled back",
        "suffix: tx/s",
        "Good is few rolled back; many mean that the shop gives up what it began, on errors or sold-out stock.",
        COMMITTED,
        ROLLED_BACK,
        needs=POSTGRES,
    )


def by_database() -> Panel:
    return timeseries(
        "By database",
        "suffix: tx/s",
        "The shop's own follows its traffic. The others have only the exporter and PostgreSQL's own work.",
        BY_DATABASE,
        needs=POSTGRES,
    )


def rows_written() -> Panel:
    return timeseries(
        "Rows written",
        "suffix: rows/s",
        "Inserted are orders and cart lines, updated is mostly stock. A jump without more orders is something"
        " else that writes.",
        INSERTED,
        UPDATED,
        needs=POSTGRES,
    )


def by_state() -> Panel:
    return timeseries(
        "By state",
        "short",
        "Many idle are normal, since workers keep theirs. Idle in transaction should stay at 0: it holds locks"
        " and does nothing.",
        BY_STATE,
        CONNECTIONS_LIMIT,
        overrides={"limit": LIMIT},
        needs=POSTGRES,
    )


def by_user() -> Panel:
    return timeseries(
        "By user",
        "short",
        "The shop has one a worker, and a few for its metrics. Steady growth is a leak.",
        BY_USER,
        stacked=True,
        needs=POSTGRES,
    )


def locks_by_mode() -> Panel:
    return timeseries(
        "Locks by mode",
        "short",
        "Held or waited for at this moment. Exclusive ones that stay are a transaction that does not end.",
        LOCKS,
        needs=POSTGRES,
    )


def blocks_read() -> Panel:
    return timeseries(
        "Blocks read",
        "suffix: blocks/s",
        "Where they come from. From the system is good near 0 once PostgreSQL is warm.",
        BLOCKS_FOUND,
        BLOCKS_READ,
        needs=POSTGRES,
    )


def deadlocks_by_database() -> Panel:
    return timeseries(
        "Deadlocks by database",
        "suffix: deadlocks/s",
        "Good is 0. They come when two transactions lock the same rows in another order.",
        DEADLOCKS_BY_DATABASE,
        needs=POSTGRES,
    )


def size_by_database() -> Panel:
    return timeseries(
        "Size by database",
        "bytes",
        "Slow growth with the orders is normal; a jump is an import or a table that is not vacuumed.",
        SIZE_BY_DATABASE,
        needs=POSTGRES,
    )


def dead_rows_by_table() -> Panel:
    return timeseries(
        "Dead rows by table",
        "suffix: rows",
        "Rows that wait for vacuum. A saw tooth is good; a line that only rises is a table that vacuum never cleans.",
        DEAD_ROWS,
        calcs=("lastNotNull", "max"),
        width=24,
        height=9,
        needs=POSTGRES,
    )
