"""Rows written by model, and migrations."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query
from grafana.boards.thresholds import NONE_IS_GOOD

ROWS = {
    action: Query(f"sum by (model) (rate(django_model_{action}_total{{$selector}}[$__rate_interval]))", "{{model}}")
    for action in ("inserts", "updates", "deletes")
}
UNAPPLIED = Query("sum(django_migrations_unapplied_total{$selector})")
MIGRATIONS = [
    Query(f"sum by (connection) (django_migrations_{state}_total{{$selector}})", f"{state} ({{{{connection}}}})")
    for state in ("applied", "unapplied")
]


def unapplied_migrations() -> Panel:
    return stat(
        "Unapplied migrations",
        "short",
        "Migrations that the code has and the database has not. Good is 0: else a deploy is half done.",
        UNAPPLIED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="UnappliedMigrations",
    )


def rows_inserted() -> Panel:
    return timeseries(
        "Rows inserted",
        "wps",
        "By model. Each order has lines of its own; carts without orders are visitors who leave.",
        ROWS["inserts"],
        width=6,
    )


def rows_saved() -> Panel:
    return timeseries(
        "Rows saved again",
        "wps",
        "By model, without what a query changes in the database itself, as the stock.",
        ROWS["updates"],
        width=6,
    )


def rows_deleted() -> Panel:
    return timeseries(
        "Rows deleted",
        "wps",
        "By model. Cart lines go when they are ordered or taken out; a product or an order that goes is somebody"
        " in the admin.",
        ROWS["deletes"],
        width=6,
    )


def migrations() -> Panel:
    return timeseries(
        "Migrations",
        "short",
        "Unapplied is 0 in a good deploy. Applied falls only when the database was set back.",
        *MIGRATIONS,
        width=6,
        runbook="UnappliedMigrations",
    )
