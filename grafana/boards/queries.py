"""Build panel queries: selectors, histogram quantiles, and a 0 for counters that have no series yet.

In a query, ``$selector`` stands for the selected namespace, job and instance. The datasource and the job are variables,
so the dashboards work for any system with these exporters.

The shop may run as several instances (pods). Counters are added up over them. If each instance has its own limit, such
as its number of workers, the panel shows the instance that is closest to its limit.
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
    #: If true, query only the end of the time range.
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

    ``buckets`` is the selector for the histogram's ``_bucket`` series. ``by`` is a comma-separated list of labels.
    """
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


def quantiles(buckets: str) -> tuple[Query, ...]:
    """Return the queries for a histogram's median, 95th and 99th percentile."""
    return tuple(Query(quantile(q, buckets), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def in_database(metric: str, by: str = "") -> str:
    """Return the query for a gauge that every instance reads from the database that they share.

    The result is the maximum over the instances of a shop, which all have the same value, give or take a few seconds.
    Shops in several namespaces are added up. ``by`` is a label.
    """
    total, labels = (f"sum by ({by}) ", f"namespace, {by}") if by else ("sum", "namespace")
    return f"{total}(max by ({labels}) ({metric}{{$selector}}))"


def or_zero(events: str, beside: str) -> str:
    """Return the query for ``events``, but with 0 while that expression has no series yet.

    ``beside`` is an expression from the same exporter that always has a value, with the same labels. The result is
    therefore empty only when the exporter is down.
    """
    return f"({events} or 0 * {beside})"


def or_none(events: str, label: str, beside: str) -> str:
    """Return the query for ``events`` by ``label``. While there are none, return 0 with the label value ``none``.

    ``beside`` is explained in ``or_zero``.
    """
    return f'{events} or on () label_replace(0 * {beside}, "{label}", "none", "", "")'
