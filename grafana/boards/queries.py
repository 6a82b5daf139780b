"""Queries of panels: how series are selected, quantiles of histograms, and 0 where nothing has been counted yet.

In a query ``$selector`` stands for the namespace, job and instance that the reader chose. Nothing here names a
datasource or a job: both are variables, so that the dashboards show any system with these exporters.
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
    """One PromQL expression of a panel and what its series are called, ``{{label}}`` being a label's value."""

    expr: str
    legend: str = ""
    #: The answer at the end of the range only, instead of its course.
    instant: bool = False

    def build(self, letter: str, form: PromQueryFormat) -> prometheus.Dataquery:
        """Return Grafana's query with this letter."""
        expr = self.expr.replace("$selector", SELECTOR)
        built = prometheus.Dataquery().expr(expr).ref_id(letter).format(form).datasource(SOURCE)
        if self.legend:
            built = built.legend_format(self.legend)
        return built.instant() if self.instant else built.range()


def quantile(q: float, buckets: str, by: str = "") -> str:
    """Return a quantile (0 to 1) of a histogram, given by its ``_bucket`` selector; ``by`` is labels as in PromQL."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


def quantiles(buckets: str) -> tuple[Query, ...]:
    """Return the queries of the median, the 95th and the 99th percentile of a histogram."""
    return tuple(Query(quantile(q, buckets), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def or_zero(events: str, beside: str) -> str:
    """Return ``events``, a total whose series are absent until the first one, as 0 while ``beside`` has a value.

    ``beside`` is a total of the same exporter that is always there, so that nothing is shown when the exporter is away.
    """
    return f"({events} or 0 * {beside})"


def or_none(events: str, label: str, beside: str) -> str:
    """Return ``events`` by a label, and until there is a first one a 0 called none while ``beside`` has a value."""
    return f'{events} or on () label_replace(0 * {beside}, "{label}", "none", "", "")'
