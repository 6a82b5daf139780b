"""Read metrics from the database in the background, never during a scrape.

These are the numbers of applied and unapplied migrations, and the metrics of the project's own collectors. The setting
``TELEMETRY_COLLECTORS`` lists these collectors by dotted path. Each of them is a class that can be called without
arguments and whose ``collect()`` yields metrics.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REFRESH_SECONDS = 5
STALE_AFTER_SECONDS = 3 * REFRESH_SECONDS

logger = logging.getLogger(__name__)


class DatabaseFigures:
    """Metrics from the database, refreshed by a separate thread so that a slow database does not slow down scrapes.

    If the last successful read is older than ``STALE_AFTER_SECONDS``, ``pomar_database_up`` is 0 and the other metrics
    are omitted, because a stale value is worse than none.
    """

    def __init__(self, collectors: Iterable[Collector] = ()) -> None:
        self._collectors = (MigrationsCollector(), *collectors)
        self._figures: list[Metric] = []
        self._read_at = float("-inf")

    def start(self) -> None:
        """Start refreshing in a daemon thread."""
        threading.Thread(target=self._refresh_forever, name="database-figures", daemon=True).start()

    def collect(self) -> Iterator[Metric]:
        """Yield the latest metrics, or only ``pomar_database_up`` 0 if they are stale."""
        fresh = time.monotonic() - self._read_at < STALE_AFTER_SECONDS
        up = GaugeMetricFamily("pomar_database_up", "Whether the database was read in the last 15 seconds.")
        up.add_metric([], int(fresh))
        yield up
        if fresh:
            yield from self._figures

    def _refresh_forever(self) -> None:
        while True:
            try:
                self._figures = [metric for collector in self._collectors for metric in collector.collect()]
                self._read_at = time.monotonic()
            except Exception as error:
                logger.warning("cannot read metrics from the database: %s", error)
                connection.close()
            time.sleep(REFRESH_SECONDS)


class MigrationsCollector:
    """Counts applied and unapplied migrations."""

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge with the number of applied migrations and one with the number of unapplied ones."""
        executor = MigrationExecutor(connection)
        unapplied = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        for state, count in (("applied", len(executor.loader.applied_migrations)), ("unapplied", unapplied)):
            gauge = GaugeMetricFamily(
                f"django_migrations_{state}_total",
                f"Count of {state} migrations by database connection",
                labels=["connection"],
            )
            gauge.add_metric([connection.alias], count)
            yield gauge


def project_collectors() -> list[Collector]:
    """Create an instance of each class in ``TELEMETRY_COLLECTORS``.

    Raises ImproperlyConfigured if a class cannot be imported.
    """
    collectors = []
    for path in getattr(settings, "TELEMETRY_COLLECTORS", ()):
        try:
            collectors.append(import_string(path)())
        except ImportError as error:
            raise ImproperlyConfigured(
                f"TELEMETRY_COLLECTORS contains {path}, which cannot be imported: {error}."
            ) from error
    return collectors
