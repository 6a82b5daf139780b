"""Searches, and how many had no results."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.shop.counters import BESIDE, per_minute

SEARCHES = [
    Query(per_minute(f'pomar_searches_total{{$selector,outcome="{outcome}"}}'), name)
    for outcome, name in (("found", "with results"), ("nothing", "no results"))
]
SEARCHED = "pomar_searches_total{$selector}"
WITHOUT_RESULTS = 'pomar_searches_total{$selector,outcome="nothing"}'
SHARE_WITHOUT_RESULTS = Query(
    f"{or_zero(f'sum(rate({WITHOUT_RESULTS}[$__rate_interval]))', BESIDE)}"
    f" / (sum(rate({SEARCHED}[$__rate_interval])) > 0)",
    "no results",
)


def by_outcome() -> Panel:
    return timeseries(
        "Searches by outcome",
        "suffix: /min",
        "Searches with results and without. People who search want to buy.",
        *SEARCHES,
        stacked=True,
        width=12,
    )


def share_without_results() -> Panel:
    return timeseries(
        "Searches without results",
        "percentunit",
        "Share of searches without results; should be low and flat. A rise means that the shop lacks what people"
        " want, or that the search is broken.",
        SHARE_WITHOUT_RESULTS,
        max=1,
        width=12,
    )
