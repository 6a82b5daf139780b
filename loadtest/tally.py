"""Count what happens in a load run. The verdict and the ledger are based on these counts."""

import math
from array import array
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

QUANTILES = (0.5, 0.95, 0.99)


class Tally:
    """Request counts by name, method and status, and what the shop sold to the visitors."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, defaultdict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
        #: Response times in seconds, by name.
        self.seconds: defaultdict[str, array] = defaultdict(lambda: array("d"))
        self.failures: Counter[tuple[str, str, str]] = Counter()
        self.errors: Counter[str] = Counter()
        self.orders_placed = 0
        self.orders_refused = 0
        self.orders_repeated = 0
        self.revenue = Decimal("0.00")
        self.stopped_early = False
        self.sold: Counter[str] = Counter()
        self._max_stock_seen: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """The total number of requests."""
        return sum(statuses.total() for methods in self.counts.values() for statuses in methods.values())

    @property
    def units(self) -> int:
        """The total number of units in all orders."""
        return self.sold.total()

    def request(
        self,
        *,
        name: str,
        method: str,
        status: int,
        failure: str | None,
        seconds: float = 0.0,
    ) -> None:
        """Count one request and its response time. Status 0 means that there was no response."""
        self.counts[name][method][status] += 1
        if status:
            self.seconds[name].append(seconds)
        if failure is not None:
            self.failures[name, method, failure] += 1

    def order_placed(self, *, cart: dict[str, int], total: Decimal) -> None:
        """Count an order with its units and its total in euros."""
        self.orders_placed += 1
        self.revenue += total
        self.sold.update(cart)

    def stock_seen(self, products: dict[str, int]) -> None:
        """Remember the maximum stock seen for each product, to detect overselling."""
        for slug, stock in products.items():
            self._max_stock_seen[slug] = max(self._max_stock_seen[slug], stock)

    def problems(self) -> list[str]:
        """Return the reasons why this run failed. Empty if it passed."""
        failed = self.failures.total()
        problems = []
        if not self.requests:
            problems.append("no request was sent")
        if failed:
            problems.append(f"{failed:,} of {self.requests:,} requests failed")
        if self.errors:
            problems.append(f"the load test's code failed {self.errors.total():,} times ({next(iter(self.errors))})")
        if self.stopped_early:
            problems.append("the run was stopped early")
        for slug, stock in self._max_stock_seen.items():
            if self.sold[slug] > stock:
                problems.append(f"{slug} was oversold: {self.sold[slug]} units sold, {stock} in stock")
        return problems

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a dict for JSON. ``revenue`` is a string, so that it stays exact.

        ``seconds`` contains the quantiles of the response times, by request name.
        """
        return {
            "requests": self.requests,
            "failures": self.failures.total(),
            "counts": {
                name: {
                    method: {str(status): n for status, n in statuses.items()} for method, statuses in methods.items()
                }
                for name, methods in sorted(self.counts.items())
            },
            "seconds": {name: _quantiles(sorted(times)) for name, times in sorted(self.seconds.items())},
            "orders_placed": self.orders_placed,
            "orders_refused": self.orders_refused,
            "orders_repeated": self.orders_repeated,
            "units": self.units,
            "revenue": str(self.revenue),
            "problems": self.problems(),
        }


def _quantiles(times: list[float]) -> dict[str, float]:
    return {str(q): round(times[max(math.ceil(q * len(times)), 1) - 1], 6) for q in QUANTILES}
