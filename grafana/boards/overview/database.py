"""The database's traffic, errors, time and saturation, as Django sees it."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero, quantile
from grafana.boards.thresholds import ALMOST_FULL

STATEMENTS = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
STATEMENTS_FAILED = or_zero("sum(rate(django_db_errors_total{$selector}[$__rate_interval]))", STATEMENTS)
NOT_CONNECTED = or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", STATEMENTS)
STATEMENT_TIMES = "django_db_query_duration_seconds_bucket{$selector}"
STATEMENT_MEAN = Query(
    "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(django_db_query_duration_seconds_count{$selector}[$__rate_interval]))",
    "mean",
)
STATEMENT_QUANTILES = [Query(quantile(q, STATEMENT_TIMES), f"p{q * 100:g}") for q in (0.95, 0.99)]
CONNECTIONS_USED = Query(
    'sum(pg_stat_activity_count{$selector,usename!=""}) / sum(pg_settings_max_connections{$selector})',
    "connections used",
)


def traffic() -> Panel:
    return timeseries(
        "Database traffic",
        "suffix: statements/s",
        "Statements as Django sends them. It follows Django's requests; a rise without them is a page that asks"
        " too often.",
        Query(STATEMENTS, "statements"),
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Database errors",
        "suffix: errors/s",
        "Good is 0. Failed statements are wrong, locked or cut off; failed connections are a database that is"
        " down or full.",
        Query(STATEMENTS_FAILED, "statements failed"),
        Query(NOT_CONNECTED, "connections failed"),
        width=6,
    )


def time() -> Panel:
    return timeseries(
        "Database time",
        "s",
        "Time of a statement as Django waits for it. Good is a p95 below 5 ms, the finest step that is counted."
        " Slow here and slow above is the database's fault.",
        STATEMENT_MEAN,
        *STATEMENT_QUANTILES,
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Database saturation",
        "percentunit",
        "Connections against what PostgreSQL takes at most. At 100% it refuses the next one.",
        CONNECTIONS_USED,
        max=1,
        thresholds=ALMOST_FULL,
        needs=("postgres",),
        width=6,
    )
