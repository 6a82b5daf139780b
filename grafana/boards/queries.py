"""Panel queries: selectors, histogram quantiles, and 0 for counters that have no series yet.

In a query, ``$selector`` stands for the selected namespace, job and instance. Datasource and job are variables, so the
dashboards work for any system with these exporters.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: The replacement for ``$selector`` in the queries in this folder.
SELECTOR = 'namespace=~"$namespace",job=~"$job",instance=~"$instance"'


@dataclass(frozen=True)
class Query:
    """One PromQL expression in a panel, and its legend. In the legend, ``{{label}}`` stands for a label's value."""

    expr: str
    legend: str = ""
    #: Only query the end of the time range, not the whole range.
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

    ``buckets`` is the selector for its ``_bucket`` series, and ``by`` a list of labels as in PromQL.
    """
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


def quantiles(buckets: str) -> tuple[Query, ...]:
    """Return the queries for a histogram's median, 95th and 99th percentile."""
    return tuple(Query(quantile(q, buckets), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def or_zero(events: str, beside: str) -> str:
    """Return the query for the total ``events``, or 0 if it has no series yet and ``beside`` has a value.

    ``beside`` is a total from the same exporter that always exists. When the exporter is down, the result is empty.
    """
    return f"({events} or 0 * {beside})"


def or_none(events: str, label: str, beside: str) -> str:
    """Return the query for ``events`` by a label, or a 0 labelled ``none`` if there are none yet (see ``or_zero``)."""
    return f'{events} or on () label_replace(0 * {beside}, "{label}", "none", "", "")'
