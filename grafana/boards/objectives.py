"""What panels take of the objectives, so that a panel and the alerts on the same objective cannot disagree."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from grafana.boards.thresholds import Thresholds


class Objective(Protocol):
    """A row of ``prometheus/objectives.yaml``."""

    objective: str
    #: The share that must be good, as a number and in words (``95 of 100``), and the share that may be bad.
    target: float
    share: str
    budget: float
    #: Seconds within which it must be done; None when the objective is not about time.
    within: float | None


@dataclass(frozen=True)
class Objectives:
    """The objectives that panels show."""

    availability: Objective
    latency: Objective

    @classmethod
    def of(cls, objectives: Iterable[Objective]) -> Self:
        """Return them out of all; raises ValueError when one is missing or has no time to be done within."""
        found = {each.objective: each for each in objectives}
        for name in ("shopping-availability", "shopping-latency"):
            if name not in found:
                raise ValueError(f"the dashboards show the objective {name}, which is missing")
        latency = found["shopping-latency"]
        if latency.within is None:
            raise ValueError("the dashboards show the time of shopping-latency, which has no within")
        return cls(found["shopping-availability"], latency)


def good_share(objective: Objective) -> str:
    """Return the share that was good in the time shown, by the series that are recorded for the alerts.

    Their names end in the window of their rates, which is shorter in the lab than in production.
    """
    bad, total = (
        f'sum(sum_over_time({{$selector,__name__=~"slo:{name}:rate.+",objective="{objective.objective}"}}[$__range]))'
        for name in ("bad", "total")
    )
    return f"1 - {bad} / ({total} > 0)"


def budget_left(objective: Objective) -> str:
    """Return the error budget that is left of the objective's period, 1 being all of it."""
    return f'min(slo:error_budget:left{{$selector,objective="{objective.objective}"}})'


def percent(share: float) -> str:
    """Return a share in percent, as ``99.9%``."""
    return f"{share * 100:g}%"


def percentile(objective: Objective) -> str:
    """Return the name of the quantile at an objective's target, as ``p95``."""
    return f"p{objective.target * 100:g}"


def enough_good(objective: Objective) -> Thresholds:
    """Return thresholds of a share of good ones: green from the target on."""
    return ((None, "red"), (objective.target, "green"))


def too_many_bad(objective: Objective) -> Thresholds:
    """Return thresholds of a share of bad ones: orange when it spends the budget, red when ten times as fast."""
    return ((None, "green"), (objective.budget, "orange"), (round(10 * objective.budget, 9), "red"))


def too_slow(objective: Objective, good: str = "green") -> Thresholds:
    """Return thresholds of a time: red from the objective's on, below it the colour ``good``."""
    return ((None, good), (objective.within, "red"))


def red_line(objective: Objective) -> Thresholds:
    """Return a red line at the objective's time and no colour below it."""
    return too_slow(objective, good="transparent")
