"""The readiness check: the database is reachable and all migrations are applied."""

from functools import cache

from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder


class NotReady(Exception):
    """The shop cannot serve requests. The message gives the reason in one line."""


def require_ready() -> None:
    """Raise NotReady, with the reason, if the shop cannot serve requests."""
    try:
        require_migrations()
        # Migrations are checked once per process. This cheap query, on every call, shows whether the database is up.
        if not MigrationRecorder(connection).migration_qs.exists():
            raise NotReady("no migrations are applied")
    except DatabaseError as error:
        raise NotReady("the database cannot be reached") from error


@cache
def require_migrations() -> None:
    """Raise NotReady unless every migration is applied.

    Success is cached for the life of the process. A failure is not, because exceptions are never cached.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first, _ = missing[0]
        raise NotReady(f"unapplied migrations: {len(missing)}, the first is {first}")
