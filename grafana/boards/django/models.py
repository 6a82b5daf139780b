"""Rows written per model, and migrations."""

from grafana.boards.panels import Panel, stat, timeseries
from grafana.boards.queries import Query, in_database
from grafana.boards.thresholds import NONE_IS_GOOD

ROWS = {
    action: Query(f"sum by (model) (rate(django_model_{action}_total{{$selector}}[$__rate_interval]))", "{{model}}")
    for action in ("inserts", "updates", "deletes")
}
UNAPPLIED = Query(f"sum({in_database('django_migrations_unapplied_total', 'connection')})")
MIGRATIONS = [
    Query(in_database(f"django_migrations_{state}_total", "connection"), f"{state} ({{{{connection}}}})")
    for state in ("applied", "unapplied")
]


def unapplied_migrations() -> Panel:
    return stat(
        "Unapplied migrations",
        "short",
        "Migrations in the code that have not been applied to the database. Should be 0; otherwise a deploy is"
        " incomplete.",
        UNAPPLIED,
        thresholds=NONE_IS_GOOD,
        sparkline=False,
        runbook="UnappliedMigrations",
    )


def rows_inserted() -> Panel:
    return timeseries(
        "Rows inserted by model",
        "wps",
        "Each order also inserts order lines. Carts without orders come from visitors who left.",
        ROWS["inserts"],
        width=6,
    )


def rows_updated() -> Panel:
    return timeseries(
        "Rows updated by model",
        "wps",
        "Rows updated with save(). Updates by a query, such as stock changes, are not counted.",
        ROWS["updates"],
        width=6,
    )


def rows_deleted() -> Panel:
    return timeseries(
        "Rows deleted by model",
        "wps",
        "Cart lines are deleted when they are ordered or removed. If a product or an order is deleted, somebody has"
        " done it in the admin.",
        ROWS["deletes"],
        width=6,
    )


def migrations() -> Panel:
    return timeseries(
        "Migrations",
        "short",
        "Unapplied should be 0 after a deploy. Applied only falls if the database is reset to an older state.",
        *MIGRATIONS,
        width=6,
        runbook="UnappliedMigrations",
    )
