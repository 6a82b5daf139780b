"""What readiness rests on: the database answers, and its migrations are applied."""

from functools import cache

from django.db import Error as DatabaseProblem
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder


class NotReady(Exception):
    """The shop cannot serve; the message is one line for whoever asks."""


def require_ready() -> None:
    """Return when the shop can serve, raise NotReady with the reason when it cannot."""
    try:
        require_migrations()
        # The graph is checked once, this small table on every call: it is gone when the database is.
        if not MigrationRecorder(connection).migration_qs.exists():
            raise NotReady("the database holds no migrations")
    except DatabaseProblem as problem:
        raise NotReady("the database cannot be reached") from problem


@cache
def require_migrations() -> None:
    """Raise NotReady unless every migration is applied.

    Success is remembered for the life of the process, a failure is not: an exception is never cached.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first, _ = missing[0]
        raise NotReady(f"{len(missing)} migrations are not applied, the first is {first}")
