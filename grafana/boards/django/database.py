"""Django's database usage."""

from grafana.boards.django.requests import REACHED
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile

WHOLE_SECONDS = "sum(rate(django_http_requests_latency_including_middlewares_seconds_sum{$selector}[$__rate_interval]))"
WHOLE_COUNT = "sum(rate(django_http_requests_latency_including_middlewares_seconds_count{$selector}[$__rate_interval]))"

QUERIES = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
EXECUTEMANY = or_zero("sum(rate(django_db_execute_many_total{$selector}[$__rate_interval]))", QUERIES)
QUERIES_PER_REQUEST = Query(f"{QUERIES} / ({REACHED} > 0)", "queries")
QUERY_DURATIONS = "django_db_query_duration_seconds_bucket{$selector}"
QUERY_SECONDS = "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
QUERY_MEAN = Query(
    f"{QUERY_SECONDS} / (sum(rate(django_db_query_duration_seconds_count{{$selector}}[$__rate_interval])) > 0)",
    "mean",
)
QUERY_QUANTILES = [Query(quantile(q, QUERY_DURATIONS), f"p{q * 100:g}") for q in (0.95, 0.99)]
REQUEST_MEAN = Query(f"{WHOLE_SECONDS} / ({WHOLE_COUNT} > 0)", "response time")
REQUEST_IN_DATABASE = Query(f"{QUERY_SECONDS} / ({WHOLE_COUNT} > 0)", "database time")
OPENED = Query("sum(rate(django_db_new_connections_total{$selector}[$__rate_interval]))", "opened")
FAILED_CONNECTIONS = Query(
    or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", QUERIES), "failed"
)
QUERY_ERRORS = Query(
    or_none("sum by (type) (rate(django_db_errors_total{$selector}[$__rate_interval]))", "type", QUERIES), "{{type}}"
)


def queries_per_request() -> Panel:
    return stat(
        "Queries per request",
        "short",
        "Mean number of database queries per request. Should be flat; a step after a deploy usually means that a page"
        " is running one query per row.",
        QUERIES_PER_REQUEST,
    )


def queries() -> Panel:
    return timeseries(
        "Query rate",
        "suffix: queries/s",
        "All queries that Django sends, and the ones among them sent with executemany. They follow the requests; a"
        " rise without more requests means that a page is running too many queries.",
        Query(QUERIES, "all"),
        Query(EXECUTEMANY, "executemany"),
        width=8,
    )


def queries_per_request_over_time() -> Panel:
    return timeseries(
        "Queries per request over time",
        "short",
        "Should be flat and below ten. A step after a deploy usually means that a page is running one query per row.",
        QUERIES_PER_REQUEST,
        width=8,
    )


def query_duration() -> Panel:
    return timeseries(
        "Query duration",
        "s",
        "Query duration as measured by Django. Should be below 5 ms, the smallest bucket. Below that, only the mean"
        " shows a difference.",
        QUERY_MEAN,
        *QUERY_QUANTILES,
        width=8,
        runbook="SlowQueries",
    )


def response_time_and_database_time() -> Panel:
    return timeseries(
        "Mean response time and database time",
        "s",
        "If database time rises together with the response time, the database is the cause; otherwise it is Django or"
        " the cache.",
        REQUEST_MEAN,
        REQUEST_IN_DATABASE,
        width=8,
    )


def new_connections() -> Panel:
    return timeseries(
        "New connections",
        "cps",
        "With PostgreSQL each worker keeps its connection, so near 0 is normal. With SQLite each request opens one."
        " Failed connections mean that the database is down or has no free connection.",
        OPENED,
        FAILED_CONNECTIONS,
        width=8,
    )


def query_errors() -> Panel:
    return timeseries(
        "Query errors",
        "suffix: errors/s",
        "Failed queries by error class; there should be none. OperationalError is a problem with a connection or a"
        " lock. IntegrityError is a conflict between two writes.",
        QUERY_ERRORS,
        width=8,
        runbook="DatabaseErrors",
    )
