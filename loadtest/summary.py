"""Format a load run's output: a progress line, and at the end a table and a verdict."""

from collections.abc import Iterable
from typing import NamedTuple

from loadtest.tally import Tally

MAX_FAILURES_SHOWN = 10


class Row(NamedTuple):
    """One kind of request: its counts, and its response times in milliseconds."""

    name: str
    method: str
    requests: int
    failures: int
    median: float
    p95: float
    p99: float


def progress(tally: Tally, *, title: str, seconds: float, of_seconds: float | None, users: int) -> str:
    """Return a run's progress line."""
    length = f"/{of_seconds:.0f}" if of_seconds else ""
    parts = [
        f"{title} {seconds:.0f}{length} s",
        _several(users, "user"),
        f"{_several(tally.requests, 'request')} ({tally.requests / max(seconds, 1):.1f}/s)",
        f"{tally.failures.total():,} failed",
        _several(tally.orders_placed, "order"),
    ]
    return " · ".join(parts)


def table(rows: Iterable[Row], total: Row) -> str:
    """Return a table of all kinds of requests, sorted by name, with a total line."""
    lines = sorted(rows)
    width = max(len(row.name) for row in [*lines, total])
    head = f"{'request':<{width}}  {'':<6}{'requests':>9}{'failed':>8}{'median':>9}{'p95':>9}{'p99':>9}"
    body = [_line(row, width) for row in lines]
    return "\n".join([head, "-" * len(head), *body, "-" * len(head), _line(total, width)])


def _line(row: Row, width: int) -> str:
    times = "".join(f"{milliseconds:>6.0f} ms" for milliseconds in (row.median, row.p95, row.p99))
    return f"{row.name:<{width}}  {row.method:<6}{row.requests:>9,}{row.failures:>8,}{times}"


def failures(tally: Tally) -> str:
    """Return the most frequent failures, one per line; empty if there were none."""
    shown = tally.failures.most_common(MAX_FAILURES_SHOWN)
    lines = [f"{times:>9,} x {method} {name}: {failure}" for (name, method, failure), times in shown]
    if len(tally.failures) > len(shown):
        lines.append(f"{'':>9}   and {len(tally.failures) - len(shown)} other kinds of failure")
    return "\n".join(lines)


def verdict(tally: Tally, *, seconds: float) -> str:
    """Return the run's sales and its verdict as text."""
    sales = (
        f"{_several(tally.orders_placed, 'order')} placed, {tally.orders_refused:,} refused (out of stock), "
        f"{tally.orders_repeated:,} submitted twice; {_several(tally.units, 'unit')} sold for €{tally.revenue:,}."
    )
    problems = tally.problems()
    if problems:
        return f"{sales}\nFAILED: {'; '.join(problems)}."
    rate = tally.requests / max(seconds, 1)
    return f"{sales}\nPASSED: {_several(tally.requests, 'request')} in {seconds:.0f} s ({rate:.1f}/s), none failed."


def _several(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
