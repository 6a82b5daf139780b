"""The PostgreSQL dashboard: connections, transactions, locks and storage."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.panels import LIMIT, UP_OR_DOWN, Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NEUTRAL, NONE_IS_GOOD, SHARE_USED, UP

POSTGRES = ("postgres",)

# PostgreSQL's own processes have no user and do not count towards its connection limit.
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

# For a state without connections, the exporter exports a 0 without a user, so a state is never missing.
BY_STATE = Query("sum by (state) (pg_stat_activity_count{$selector})", "{{state}}")
CONNECTIONS_LIMIT = Query("sum(pg_settings_max_connections{$selector})", "limit")
BY_USER = Query(f"sum by (usename) ({CONNECTIONS})", "{{usename}}")
LOCKS = Query("sum by (mode) (pg_locks_count{$selector})", "{{mode}}")
DEADLOCKS_BY_DATABASE = Query(
    "sum by (datname) (rate(pg_stat_database_deadlocks{$selector}[$__rate_interval]))", "{{datname}}"
)

BLOCKS_FOUND = Query(FOUND, "from shared buffers")
BLOCKS_READ = Query(READ, "from the operating system")
SIZE_BY_DATABASE = Query("sum by (datname) (pg_database_size_bytes{$selector})", "{{datname}}")
DEAD_ROWS = Query("sum by (relname) (pg_stat_user_tables_n_dead_tup{$selector})", "{{relname}}")


def build() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-postgres",
        title="PostgreSQL",
        description="Connections, transactions, locks and storage, as PostgreSQL itself reports them.",
        of="pg_up",
        rows=(
            Row("At a glance", (status(), connections_in_use(), transactions(), hit_ratio(), deadlocks(), size())),
            Row("Transactions", (committed_and_rolled_back(), by_database(), rows_written())),
            Row("Connections and locks", (connections_by_state(), connections_by_user(), locks_by_mode())),
            Row(
                "Memory and storage", (blocks_read(), deadlocks_by_database(), size_by_database(), dead_rows_by_table())
            ),
        ),
    )


def status() -> Panel:
    return stat(
        "PostgreSQL status",
        "short",
        "Whether the exporter can query PostgreSQL. While PostgreSQL is down, the shop cannot sell anything.",
        REACHED,
        thresholds=UP,
        mappings=UP_OR_DOWN,
        sparkline=False,
        needs=POSTGRES,
        runbook="PostgresDown",
    )


def connections_in_use() -> Panel:
    return stat(
        "Connections in use",
        "percentunit",
        "Share of PostgreSQL's connection limit in use. Should be well below 70%; at 100%, PostgreSQL refuses new"
        " connections.",
        CONNECTIONS_USED,
        thresholds=SHARE_USED,
        needs=POSTGRES,
        runbook="PostgresConnectionsNearLimit",
    )


def transactions() -> Panel:
    return stat(
        "Transaction rate",
        "suffix: tx/s",
        "Transactions committed or rolled back. A few come from the exporter and from health checks.",
        TRANSACTIONS,
        needs=POSTGRES,
    )


def hit_ratio() -> Panel:
    return stat(
        "Cache hit ratio",
        "percentunit",
        "Share of blocks found in PostgreSQL's shared buffers. Should be above 99%; a lower ratio means that the"
        " buffers are too small for the data being read.",
        HIT_RATIO,
        thresholds=((None, "red"), (0.9, "orange"), (0.99, "green")),
        needs=POSTGRES,
    )


def deadlocks() -> Panel:
    return stat(
        "Deadlocks",
        "short",
        "Deadlocks in the selected time range. Should be 0. In each deadlock, two transactions waited for each other,"
        " and one was aborted.",
        DEADLOCKS,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        needs=POSTGRES,
    )


def size() -> Panel:
    return stat(
        "Database size",
        "bytes",
        "Size of all databases on disk. It grows slowly with the number of orders; a jump is unusual.",
        SIZE,
        thresholds=NEUTRAL,
        needs=POSTGRES,
    )


def committed_and_rolled_back() -> Panel:
    return timeseries(
        "Commits and rollbacks",
        "suffix: tx/s",
        "There should be few rollbacks. Many mean that the shop is abandoning transactions because of errors or"
        " sold-out products.",
        COMMITTED,
        ROLLED_BACK,
        needs=POSTGRES,
    )


def by_database() -> Panel:
    return timeseries(
        "Transaction rate by database",
        "suffix: tx/s",
        "The rate for the shop's database follows its traffic. The other databases only show the exporter and"
        " PostgreSQL's own work.",
        BY_DATABASE,
        needs=POSTGRES,
    )


def rows_written() -> Panel:
    return timeseries(
        "Rows written",
        "suffix: rows/s",
        "Inserted rows are orders and cart lines; updated rows are mostly stock. A jump without more orders means that"
        " something else is writing.",
        INSERTED,
        UPDATED,
        needs=POSTGRES,
    )


def connections_by_state() -> Panel:
    return timeseries(
        "Connections by state",
        "short",
        "Many idle connections are normal, because workers keep theirs open. Idle in transaction should be 0, because"
        " such a connection holds locks and does nothing.",
        BY_STATE,
        CONNECTIONS_LIMIT,
        overrides={"limit": LIMIT},
        needs=POSTGRES,
    )


def connections_by_user() -> Panel:
    return timeseries(
        "Connections by user",
        "short",
        "The shop has one connection per worker and a few for its metrics. Steady growth is a leak.",
        BY_USER,
        stacked=True,
        needs=POSTGRES,
    )


def locks_by_mode() -> Panel:
    return timeseries(
        "Locks by mode",
        "short",
        "Locks that are held or waited for. If exclusive locks stay, a transaction is not finishing.",
        LOCKS,
        needs=POSTGRES,
    )


def blocks_read() -> Panel:
    return timeseries(
        "Blocks read",
        "suffix: blocks/s",
        "Blocks read from shared buffers and from the operating system. The latter should be near 0 once PostgreSQL"
        " is warm.",
        BLOCKS_FOUND,
        BLOCKS_READ,
        needs=POSTGRES,
    )


def deadlocks_by_database() -> Panel:
    return timeseries(
        "Deadlocks by database",
        "suffix: deadlocks/s",
        "Should be 0. Deadlocks happen when two transactions lock the same rows in a different order.",
        DEADLOCKS_BY_DATABASE,
        needs=POSTGRES,
    )


def size_by_database() -> Panel:
    return timeseries(
        "Size by database",
        "bytes",
        "Slow growth with the number of orders is normal; a jump is an import or a table that is not being vacuumed.",
        SIZE_BY_DATABASE,
        needs=POSTGRES,
    )


def dead_rows_by_table() -> Panel:
    return timeseries(
        "Dead rows by table",
        "suffix: rows",
        "Rows waiting for vacuum. A sawtooth is healthy; a line that only rises is a table that vacuum never cleans.",
        DEAD_ROWS,
        calcs=("lastNotNull", "max"),
        width=24,
        height=9,
        needs=POSTGRES,
    )
