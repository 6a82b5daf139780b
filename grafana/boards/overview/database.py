"""The database's traffic, errors, latency and saturation, as measured by Django."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero, quantile
from grafana.boards.thresholds import ALMOST_FULL

QUERIES = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
FAILED_QUERIES = or_zero("sum(rate(django_db_errors_total{$selector}[$__rate_interval]))", QUERIES)
FAILED_CONNECTIONS = or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", QUERIES)
QUERY_DURATIONS = "django_db_query_duration_seconds_bucket{$selector}"
QUERY_MEAN = Query(
    "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
    " / sum(rate(django_db_query_duration_seconds_count{$selector}[$__rate_interval]))",
    "mean",
)
QUERY_QUANTILES = [Query(quantile(q, QUERY_DURATIONS), f"p{q * 100:g}") for q in (0.95, 0.99)]
CONNECTIONS_USED = Query(
    'sum(pg_stat_activity_count{$selector,usename!=""}) / sum(pg_settings_max_connections{$selector})',
    "connections",
)


def traffic() -> Panel:
    return timeseries(
        "Database traffic",
        "suffix: queries/s",
        "Queries that Django sends. The rate should follow Django's requests; a rise without more requests means that"
        " a page is running too many queries.",
        Query(QUERIES, "queries"),
        width=6,
    )


def errors() -> Panel:
    return timeseries(
        "Database errors",
        "suffix: errors/s",
        "Should be 0. Queries fail if they are invalid, run into a lock or lose their connection. Connections fail if"
        " the database is down or has no free connection.",
        Query(FAILED_QUERIES, "failed queries"),
        Query(FAILED_CONNECTIONS, "failed connections"),
        width=6,
    )


def latency() -> Panel:
    return timeseries(
        "Database latency",
        "s",
        "Query duration as measured by Django. p95 should be below 5 ms, the smallest bucket. If queries are slow and"
        " the tiers above are slow too, the database is the cause.",
        QUERY_MEAN,
        *QUERY_QUANTILES,
        width=6,
    )


def saturation() -> Panel:
    return timeseries(
        "Database saturation",
        "percentunit",
        "Connections in use, as a share of PostgreSQL's limit. At 100%, PostgreSQL refuses new connections.",
        CONNECTIONS_USED,
        max=1,
        thresholds=ALMOST_FULL,
        needs=("postgres",),
        width=6,
    )
