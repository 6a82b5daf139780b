"""What only the database knows: migrations and stock, read beside the scrapes and never within one."""

import logging
import threading
import time
from collections.abc import Iterator

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum
from product.models import Product
from prometheus_client.core import GaugeMetricFamily, Metric

REFRESH_SECONDS = 5
STALE_AFTER_SECONDS = 3 * REFRESH_SECONDS

logger = logging.getLogger(__name__)


class DatabaseFigures:
    """Gauges from the database, refreshed by a thread of their own so that a slow database slows no scrape.

    When the last good read is older than ``STALE_AFTER_SECONDS`` the figures are left out and
    ``pomar_database_up`` is 0: an old number is worse than none.
    """

    def __init__(self) -> None:
        self._figures: list[Metric] = []
        self._read_at = float("-inf")

    def start(self) -> None:
        """Begin to refresh, in a daemon thread."""
        threading.Thread(target=self._refresh_forever, name="database-figures", daemon=True).start()

    def collect(self) -> Iterator[Metric]:
        """Yield the newest figures, or only ``pomar_database_up`` 0 when there are none that are fresh."""
        fresh = time.monotonic() - self._read_at < STALE_AFTER_SECONDS
        up = GaugeMetricFamily("pomar_database_up", "Whether the shop's database answered in the last 15 seconds.")
        up.add_metric([], int(fresh))
        yield up
        if fresh:
            yield from self._figures

    def _refresh_forever(self) -> None:
        while True:
            try:
                self._figures = [*_migrations(), *_stock()]
                self._read_at = time.monotonic()
            except Exception as error:
                logger.warning("the database gave no figures: %s", error)
                connection.close()
            time.sleep(REFRESH_SECONDS)


def _migrations() -> Iterator[Metric]:
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


def _stock() -> Iterator[Metric]:
    stock = GaugeMetricFamily("pomar_stock_units", "Units in stock, by category.", labels=["category"])
    for category, units in Product.objects.order_by().values_list("category__slug").annotate(Sum("stock")):
        stock.add_metric([category], units)
    yield stock
    sold_out = GaugeMetricFamily("pomar_products_sold_out", "Products with nothing left in stock.")
    sold_out.add_metric([], Product.objects.filter(stock=0).count())
    yield sold_out
