"""Queries, texts and thresholds derived from the objectives, so that panels and alerts always use the same numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from grafana.boards.thresholds import Thresholds


class Objective(Protocol):
    """A row of ``prometheus/objectives.yaml``."""

    objective: str
    #: The share of events that must be good, and the share that may be bad.
    target: float
    budget: float
    #: The time limit in seconds; None if the objective has none.
    within: float | None


@dataclass(frozen=True)
class Objectives:
    """The objectives that are shown in panels."""

    availability: Objective
    latency: Objective

    @classmethod
    def of(cls, objectives: Iterable[Objective]) -> Self:
        """Select the objectives for the panels. Raises ValueError if one is missing or lacks its time limit."""
        found = {each.objective: each for each in objectives}
        for name in ("shopping-availability", "shopping-latency"):
            if name not in found:
                raise ValueError(f"the dashboards show the objective {name}, which is missing")
        latency = found["shopping-latency"]
        if latency.within is None:
            raise ValueError("the dashboards show the time limit of shopping-latency, which has no field within")
        return cls(found["shopping-availability"], latency)


def good_share(objective: Objective) -> str:
    """Return the query for the share of good events in the selected time range.

    The query uses the series recorded for the alerts. Their names end in the rate window, which is shorter in the lab
    than in production, so the query matches any window.
    """
    bad, total = (
        f'sum(sum_over_time({{$selector,__name__=~"slo:{name}:rate.+",objective="{objective.objective}"}}[$__range]))'
        for name in ("bad", "total")
    )
    return f"1 - {bad} / ({total} > 0)"


def budget_remaining(objective: Objective) -> str:
    """Return the query for the share of the error budget that remains in the period. 1 is the whole budget."""
    return f'min(slo:error_budget:left{{$selector,objective="{objective.objective}"}})'


def percent(share: float) -> str:
    """Return a share as a percentage, such as ``99.9%``."""
    return f"{share * 100:g}%"


def percentile(objective: Objective) -> str:
    """Return the name of the percentile that matches an objective's target, such as ``p95``."""
    return f"p{objective.target * 100:g}"


def enough_good(objective: Objective) -> Thresholds:
    """Return thresholds for a good share: green at or above the target."""
    return ((None, "red"), (objective.target, "green"))


def too_many_bad(objective: Objective) -> Thresholds:
    """Return thresholds for a bad share: orange from the error budget upwards, red from ten times the budget."""
    return ((None, "green"), (objective.budget, "orange"), (round(10 * objective.budget, 9), "red"))


def too_slow(objective: Objective, good: str = "green") -> Thresholds:
    """Return thresholds for a duration: the colour ``good`` below the objective's time limit, and red from there."""
    return ((None, good), (objective.within, "red"))


def red_line(objective: Objective) -> Thresholds:
    """Return thresholds that draw a red line at the objective's time limit."""
    return too_slow(objective, good="transparent")
