"""Searches, and how many found nothing."""

from grafana.boards.panels import Panel, timeseries
from grafana.boards.queries import Query, or_zero
from grafana.boards.shop.counters import BESIDE, a_minute

SEARCHES = [
    Query(a_minute(f'pomar_searches_total{{$selector,outcome="{outcome}"}}'), name)
    for outcome, name in (("found", "found something"), ("nothing", "found nothing"))
]
SEARCHED = "pomar_searches_total{$selector}"
SEARCHED_IN_VAIN = 'pomar_searches_total{$selector,outcome="nothing"}'
FOUND_NOTHING = Query(
    f"{or_zero(f'sum(rate({SEARCHED_IN_VAIN}[$__rate_interval]))', BESIDE)}"
    f" / (sum(rate({SEARCHED}[$__rate_interval])) > 0)",
    "found nothing",
)


def by_outcome() -> Panel:
    return timeseries(
        "Searches by outcome",
        "suffix: /min",
        "Searches that found something and that found nothing. People who search want to buy.",
        *SEARCHES,
        stacked=True,
        width=12,
    )


def share_in_vain() -> Panel:
    return timeseries(
        "Share that found nothing",
        "percentunit",
        "Good is low and flat. A rise is something that people want and the shop does not have, or a search that"
        " is broken.",
        FOUND_NOTHING,
        max=1,
        width=12,
    )
