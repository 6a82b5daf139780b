"""Queries of panels: selectors, quantiles of histograms, and 0 for counters that have no series yet.

In a query ``$selector`` stands for the selected namespace, job and instance. Datasource and job are variables, so the
dashboards work for any system with these exporters.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: What ``$selector`` stands for in the queries of this folder.
SELECTOR = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'


@dataclass(frozen=True)
class Query:
    """One PromQL expression of a panel, and its legend; ``{{label}}`` stands for the value of a label."""

    expr: str
    legend: str = ""
    #: Query only the end of the time range, not all of it.
    instant: bool = False

    def build(self, letter: str, form: PromQueryFormat) -> prometheus.Dataquery:
        """Return the query for Grafana, with this letter as its ID."""
        expr = self.expr.replace("$selector", SELECTOR)
        built = prometheus.Dataquery().expr(expr).ref_id(letter).format(form).datasource(SOURCE)
        if self.legend:
            built = built.legend_format(self.legend)
        return built.instant() if self.instant else built.range()


def quantile(q: float, buckets: str, by: str = "") -> str:
    """Return the query for a quantile (0 to 1) of a histogram.

    ``buckets`` is the selector of its ``_bucket`` series, ``by`` a list of labels as in PromQL.
    """
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


def quantiles(buckets: str) -> tuple[Query, ...]:
    """Return the queries for the median, the 95th and the 99th percentile of a histogram."""
    return tuple(Query(quantile(q, buckets), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def or_zero(events: str, beside: str) -> str:
    """Return the total ``events``, or 0 if it has no series yet and ``beside`` has a value.

    ``beside`` is a total of the same exporter that always exists. When the exporter is down, the result is empty.
    """
    return f"({events} or 0 * {beside})"


def or_none(events: str, label: str, beside: str) -> str:
    """Return ``events`` by a label, or a 0 labelled ``none`` if it has no series yet and ``beside`` has a value."""
    return f'{events} or on () label_replace(0 * {beside}, "{label}", "none", "", "")'
