"""The figures of a run by which it is judged and compared with another, and what it cost."""

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
    """A number with what it means. ``less_is_better`` is None where neither is."""

    label: str
    value: float | None
    unit: str
    note: str = ""
    less_is_better: bool | None = None

    @property
    def text(self) -> str:
        """The number as a person reads it; a question mark when it is not known."""
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
    """Return how many seconds a run lasted, at least 1; ``run`` is the file of its result."""
    # Files of earlier versions have only the times of its start and its end.
    return max(run.get("duration", run["end"] - run["start"]), 1)


def of_run(run: Mapping) -> list[Figure]:
    """Return the figures that the load itself knows; ``run`` is the file of its result."""
    seconds = run_seconds(run)
    refused = f"{run['orders_refused']:,} refused for stock"
    return [
        Figure("Requests", run["requests"], "count", f"{run['users']:,} visitors"),
        Figure("Rate", run["requests"] / seconds, "rate", f"for {seconds:,.0f} s"),
        Figure("Failed", run["failures"], "count", "as the visitors saw it", True),
        Figure("Orders", run["orders_placed"], "count", refused, False),
        Figure("Revenue", float(run["revenue"]), "euros", f"{run['units']:,} units", False),
    ]


@dataclass(frozen=True)
class Measure:
    """A figure that Prometheus knows, less of which is better; ``$window`` in its query is the length of the run."""

    label: str
    unit: str
    note: str
    expr: str


#: What a run is judged by.
JUDGED = (
    Measure(
        "p95",
        "seconds",
        "time to answer at NGINX",
        "histogram_quantile(0.95, sum by (le) (increase(nginx_http_request_duration_seconds_bucket[$window])))",
    ),
    Measure(
        "5xx",
        "share",
        "of all answers",
        '(sum(increase(nginx_http_responses_total{status=~"5.."}[$window])) or vector(0))'
        " / sum(increase(nginx_http_responses_total[$window]))",
    ),
)
#: What it cost.
COST = (
    Measure(
        "CPU a request",
        "seconds",
        "uWSGI's workers, for each request that reached Django",
        "sum(increase(pomar_workers_cpu_seconds_total[$window]))"
        " / sum(increase(django_http_responses_before_middlewares_total[$window]))",
    ),
    Measure(
        "CPU of the workers",
        "cores",
        "all workers, on average",
        "sum(rate(pomar_workers_cpu_seconds_total[$window]))",
    ),
    Measure(
        "Memory of the workers",
        "bytes",
        "resident, of all together, the most there was",
        "max_over_time(sum(pomar_worker_resident_memory_bytes)[$window:5s])",
    ),
    Measure(
        "Statements a request",
        "number",
        "sent to the database by Django",
        "sum(increase(django_db_execute_total[$window]))"
        " / sum(increase(django_http_responses_before_middlewares_total[$window]))",
    ),
    Measure(
        "Bytes an answer",
        "bytes",
        "sent by NGINX, headers included, static files too",
        "sum(increase(nginx_http_response_bytes_total[$window])) / sum(increase(nginx_http_responses_total[$window]))",
    ),
    Measure(
        "Time in scrapes",
        "share",
        "of each second, all exporters together",
        "sum(sum_over_time(scrape_duration_seconds[$window])) / $seconds",
    ),
    Measure(
        "Samples stored", "rate", "by Prometheus", "sum(rate(prometheus_tsdb_head_samples_appended_total[$window]))"
    ),
    Measure("Series", "count", "in Prometheus's memory at the end", "sum(prometheus_tsdb_head_series)"),
    Measure(
        "CPU of the watchers",
        "cores",
        "Prometheus, Alertmanager, Pushgateway and the exporters that tell",
        'sum(rate(process_cpu_seconds_total{job!="django"}[$window]))',
    ),
)


def measured(api: Api, start: float, end: float, wanted: Sequence[Measure]) -> list[Figure]:
    """Return what Prometheus knows of the time from ``start`` to ``end``; unknown where it says nothing.

    Its increases are estimates: what must be exact stands in the ledger.
    """
    seconds = max(round(end - start), 4 * SCRAPE_SECONDS)
    found = []
    for each in wanted:
        value = None
        with suppress(LabError):
            expr = Template(each.expr).substitute(window=f"{seconds}s", seconds=seconds)
            answer = api.query(expr, end).series
            value = number(answer[0]["value"][1]) if answer else None
        found.append(Figure(each.label, value, each.unit, each.note, less_is_better=True))
    return found


@dataclass(frozen=True)
class Change:
    """A figure of two runs: as texts, the change as a share, and whether it is for the better."""

    label: str
    before: str
    after: str
    change: str
    better: bool | None


def changes(before: Sequence[Figure], after: Sequence[Figure]) -> list[Change]:
    """Return each figure of two runs beside the other; a change of less than 1% is neither better nor worse."""
    return [_change(first, second) for first, second in zip(before, after, strict=True)]


def _change(before: Figure, after: Figure) -> Change:
    if before.value is None or after.value is None:
        return Change(before.label, before.text, after.text, "", None)
    if not before.value:
        change, share = ("", 0.0) if not after.value else ("new", 1.0)
    else:
        share = after.value / before.value - 1
        change = f"{share:+.1%}"
    better = None if before.less_is_better is None or abs(share) < 0.01 else (share < 0) == before.less_is_better
    return Change(before.label, before.text, after.text, change, better)
