"""What Django asks of the database."""

from grafana.boards.django.requests import REACHED
from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query, or_none, or_zero, quantile

WHOLE_SECONDS = "sum(rate(django_http_requests_latency_including_middlewares_seconds_sum{$selector}[$__rate_interval]))"
WHOLE_COUNT = "sum(rate(django_http_requests_latency_including_middlewares_seconds_count{$selector}[$__rate_interval]))"

STATEMENTS = "sum(rate(django_db_execute_total{$selector}[$__rate_interval]))"
STATEMENTS_IN_BULK = or_zero("sum(rate(django_db_execute_many_total{$selector}[$__rate_interval]))", STATEMENTS)
STATEMENTS_A_REQUEST = Query(f"{STATEMENTS} / ({REACHED} > 0)", "statements")
STATEMENT_TIMES = "django_db_query_duration_seconds_bucket{$selector}"
STATEMENT_SECONDS = "sum(rate(django_db_query_duration_seconds_sum{$selector}[$__rate_interval]))"
STATEMENT_MEAN = Query(
    f"{STATEMENT_SECONDS} / (sum(rate(django_db_query_duration_seconds_count{{$selector}}[$__rate_interval])) > 0)",
    "mean",
)
STATEMENT_QUANTILES = [Query(quantile(q, STATEMENT_TIMES), f"p{q * 100:g}") for q in (0.95, 0.99)]
REQUEST_MEAN = Query(f"{WHOLE_SECONDS} / ({WHOLE_COUNT} > 0)", "whole request")
REQUEST_IN_DATABASE = Query(f"{STATEMENT_SECONDS} / ({WHOLE_COUNT} > 0)", "of it, in the database")
OPENED = Query("sum(rate(django_db_new_connections_total{$selector}[$__rate_interval]))", "opened")
NOT_OPENED = Query(
    or_zero("sum(rate(django_db_new_connection_errors_total{$selector}[$__rate_interval]))", STATEMENTS), "failed"
)
STATEMENT_ERRORS = Query(
    or_none("sum by (type) (rate(django_db_errors_total{$selector}[$__rate_interval]))", "type", STATEMENTS), "{{type}}"
)


def statements_a_request() -> Panel:
    return stat(
        "Statements a request",
        "short",
        "What a request asks of the database on average. Good is a flat line; a step after a deploy is a page"
        " that asks once a row.",
        STATEMENTS_A_REQUEST,
    )


def statements() -> Panel:
    return timeseries(
        "Statements",
        "suffix: statements/s",
        "All that Django sends, and those of it in bulk. They follow the requests; a rise without them is a page"
        " that asks too often.",
        Query(STATEMENTS, "all"),
        Query(STATEMENTS_IN_BULK, "of them, in bulk"),
        width=8,
    )


def statements_a_request_over_time() -> Panel:
    return timeseries(
        "Statements a request over time",
        "short",
        "Good is flat and below ten. A step after a deploy is a page that asks once a row.",
        STATEMENTS_A_REQUEST,
        width=8,
    )


def time_of_a_statement() -> Panel:
    return timeseries(
        "Time of a statement",
        "s",
        "As Django waits for it. Good is below 5 ms, the finest step that is counted: only the mean tells more"
        " below it.",
        STATEMENT_MEAN,
        *STATEMENT_QUANTILES,
        width=8,
        runbook="SlowQueries",
    )


def share_of_a_request() -> Panel:
    return timeseries(
        "Of a request's time, in the database",
        "s",
        "Means. When the lower line rises with the upper one it is the database, else Django or the cache.",
        REQUEST_MEAN,
        REQUEST_IN_DATABASE,
        width=8,
    )


def new_connections() -> Panel:
    return timeseries(
        "New connections",
        "cps",
        "With PostgreSQL a worker keeps its own, so near 0 is good; on SQLite each request opens one. Failed is a"
        " database that is down or full.",
        OPENED,
        NOT_OPENED,
        width=8,
    )


def errors() -> Panel:
    return timeseries(
        "Statement errors",
        "suffix: errors/s",
        "Statements that failed, by class. Good is none. OperationalError is a connection or a lock,"
        " IntegrityError two who wanted the same.",
        STATEMENT_ERRORS,
        width=8,
        runbook="DatabaseErrors",
    )
