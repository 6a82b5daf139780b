"""A run's key figures and resource usage, and the comparison of two runs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import Template

from lab.dashboards.answers import number
from lab.errors import LabError
from lab.prometheus import Api
from lab.times import SCRAPE_SECONDS


@dataclass(frozen=True)
class Figure:
    """A number with its meaning. ``lower_is_better`` is None if neither direction is better."""

    label: str
    value: float | None
    unit: str
    note: str = ""
    lower_is_better: bool | None = None

    @property
    def text(self) -> str:
        """The number with its unit; a question mark if it is unknown."""
        return "?" if self.value is None else UNITS[self.unit](self.value)


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:,.3g} {unit}"
        value /= 1024
    return f"{value:,.3g} GiB"


def _seconds(value: float) -> str:
    return f"{value * 1000:,.3g} ms" if abs(value) < 1 else f"{value:,.3g} s"


UNITS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "number": lambda value: f"{value:,.3g}",
    "rate": lambda value: f"{value:,.1f}/s",
    "share": lambda value: f"{value:.3%}" if value else "0%",
    "seconds": _seconds,
    "bytes": _bytes,
    "euros": lambda value: f"€{value:,.2f}",
    "cores": lambda value: f"{value:,.3g} cores",
}


def run_seconds(run: Mapping) -> float:
    """Return the duration of a run in seconds, at least 1; ``run`` is the content of its result file."""
    # Files from earlier versions only have the start and end times.
    return max(run.get("duration", run["end"] - run["start"]), 1)


def of_run(run: Mapping) -> list[Figure]:
    """Return the figures from the load generator; ``run`` is the content of the run's result file."""
    seconds = run_seconds(run)
    refused = f"{run['orders_refused']:,} refused: out of stock"
    return [
        Figure("Requests", run["requests"], "count", f"{run['users']:,} users"),
        Figure("Request rate", run["requests"] / seconds, "rate", f"for {seconds:,.0f} s"),
        Figure("Failed requests", run["failures"], "count", "as counted by Locust", True),
        Figure("Orders", run["orders_placed"], "count", refused, False),
        Figure("Revenue", float(run["revenue"]), "euros", f"{run['units']:,} units sold", False),
    ]


@dataclass(frozen=True)
class Measure:
    """A figure from Prometheus; lower is better. ``$window`` in its query is the duration of the run."""

    label: str
    unit: str
    note: str
    expr: str


#: A run's key figures.
JUDGED = (
    Measure(
        "p95 response time",
        "seconds",
        "at NGINX",
        "histogram_quantile(0.95, sum by (le) (increase(nginx_http_request_duration_seconds_bucket[$window])))",
    ),
    Measure(
        "5xx error ratio",
        "share",
        "of all responses",
        '(sum(increase(nginx_http_responses_total{status=~"5.."}[$window])) or vector(0))'
        " / sum(increase(nginx_http_responses_total[$window]))",
    ),
)
#: A run's resource usage.
COST = (
    Measure(
        "CPU per request",
        "seconds",
        "the workers' CPU time per request that reached Django",
        "sum(increase(pomar_workers_cpu_seconds_total[$window]))"
        " / sum(increase(django_http_responses_before_middlewares_total[$window]))",
    ),
    Measure(
        "Worker CPU usage",
        "cores",
        "all workers together, average",
        "sum(rate(pomar_workers_cpu_seconds_total[$window]))",
    ),
    Measure(
        "Worker memory",
        "bytes",
        "resident, all workers together, maximum",
        "max_over_time(sum(pomar_worker_resident_memory_bytes)[$window:5s])",
    ),
    Measure(
        "Queries per request",
        "number",
        "sent to the database by Django",
        "sum(increase(django_db_execute_total[$window]))"
        " / sum(increase(django_http_responses_before_middlewares_total[$window]))",
    ),
    Measure(
        "Bytes per response",
        "bytes",
        "sent by NGINX, including headers and static files",
        "sum(increase(nginx_http_response_bytes_total[$window])) / sum(increase(nginx_http_responses_total[$window]))",
    ),
    Measure(
        "Time spent on scrapes",
        "share",
        "share of the run's duration, all targets together",
        "sum(sum_over_time(scrape_duration_seconds[$window])) / $seconds",
    ),
    Measure(
        "Samples ingested", "rate", "by Prometheus", "sum(rate(prometheus_tsdb_head_samples_appended_total[$window]))"
    ),
    Measure("Series in memory", "count", "in Prometheus, at the end", "sum(prometheus_tsdb_head_series)"),
    Measure(
        "Monitoring CPU usage",
        "cores",
        "Prometheus, Alertmanager, Pushgateway, and exporters that report it",
        'sum(rate(process_cpu_seconds_total{job!="django"}[$window]))',
    ),
)


def measured(api: Api, start: float, end: float, wanted: Sequence[Measure]) -> list[Figure]:
    """Return figures from Prometheus for a run between two Unix times. The value of a figure without data is None.

    Prometheus only estimates increases; the exact counts are in the ledger.
    """
    seconds = max(round(end - start), 4 * SCRAPE_SECONDS)
    found = []
    for each in wanted:
        value = None
        with suppress(LabError):
            expr = Template(each.expr).substitute(window=f"{seconds}s", seconds=seconds)
            answer = api.query(expr, end).series
            value = number(answer[0]["value"][1]) if answer else None
        found.append(Figure(each.label, value, each.unit, each.note, lower_is_better=True))
    return found


@dataclass(frozen=True)
class Change:
    """A figure for two runs: both values as text, the relative change, and whether the second run is better."""

    label: str
    before: str
    after: str
    change: str
    better: bool | None


def changes(before: Sequence[Figure], after: Sequence[Figure]) -> list[Change]:
    """Compare two runs' figures. A change of less than 1% is neither better nor worse."""
    return [_change(first, second) for first, second in zip(before, after, strict=True)]


def _change(before: Figure, after: Figure) -> Change:
    if before.value is None or after.value is None:
        return Change(before.label, before.text, after.text, "", None)
    if not before.value:
        change, share = ("", 0.0) if not after.value else ("new", 1.0)
    else:
        share = after.value / before.value - 1
        change = f"{share:+.1%}"
    better = None if before.lower_is_better is None or abs(share) < 0.01 else (share < 0) == before.lower_is_better
    return Change(before.label, before.text, after.text, change, better)
