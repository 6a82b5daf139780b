"""Check readiness: the database must be reachable, and all migrations must be applied."""

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
        # Migrations are checked only once per process. This cheap query runs on every call, to detect a database that
        # has gone down since.
        if not MigrationRecorder(connection).migration_qs.exists():
            raise NotReady("no migrations are applied")
    except DatabaseError as error:
        raise NotReady("the database cannot be reached") from error


@cache
def require_migrations() -> None:
    """Raise NotReady unless every migration is applied.

    Success is cached for the life of the process. Failures are not, because functools.cache never caches exceptions.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first, _ = missing[0]
        raise NotReady(f"unapplied migrations: {len(missing)}, the first is {first}")
