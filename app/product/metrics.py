"""Catalogue metrics. The services count searches, and the metrics process reads the stock."""

from collections.abc import Iterator

from django.db.models import Sum
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from product.models import Product

SEARCHES = Counter("pomar_searches", "Searches in the catalogue, by outcome.", ["outcome"])

# Create every series at 0 when the worker starts. If a new series starts above 0, Prometheus misses the increase.
for _outcome in ("found", "nothing"):
    SEARCHES.labels(outcome=_outcome)


def search_made(*, found: bool) -> None:
    """Count one search, by whether it found anything."""
    SEARCHES.labels(outcome="found" if found else "nothing").inc()


class StockCollector:
    """Reads the stock from the database. Listed in the TELEMETRY_COLLECTORS setting."""

    def collect(self) -> Iterator[Metric]:
        """Yield the units in stock by category and the number of products that are sold out."""
        stock = GaugeMetricFamily("pomar_stock_units", "Units in stock, by category.", labels=["category"])
        for category, units in Product.objects.order_by().values_list("category__slug").annotate(Sum("stock")):
            stock.add_metric([category], units)
        yield stock
        sold_out = GaugeMetricFamily("pomar_products_sold_out", "Products with nothing left in stock.")
        sold_out.add_metric([], Product.objects.filter(stock=0).count())
        yield sold_out
