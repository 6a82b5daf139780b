"""The ledger as text, at most 100 columns wide."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lab.console import grid
from lab.runs.ledger.account import Account
from lab.runs.ledger.books import Ledger
from lab.runs.ledger.latency import Interval, Quantiles

MAX_DIFFERENCES = 12
ABSENT = "·"


def page(ledger: Ledger) -> str:
    """Return the whole ledger: the table by route and status, the counts by tier, the quantiles and the verdict."""
    began, ended = (datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (ledger.start, ledger.end))
    parts = [
        f"The ledger from {began} to {ended} UTC: requests counted by each tier",
        _table(ledger.account),
        "\n".join(_statement(ledger.account)),
        _times(ledger.quantiles),
        verdict(ledger),
    ]
    return "\n\n".join(part for part in parts if part)


def verdict(ledger: Ledger) -> str:
    """Return the verdict: whether all counts match, which tier is at fault if not, and what could not be compared."""
    lines = [f"note: {note}." for note in ledger.notes]
    lines += [f"not exact: {reason}." for reason in ledger.reasons]
    differences = ledger.account.differences
    lines += [f"  {each.sentence}" for each in differences[:MAX_DIFFERENCES]]
    if len(differences) > MAX_DIFFERENCES:
        lines.append(f"  and {len(differences) - MAX_DIFFERENCES} more differences")
    if ledger.verdict == "exact":
        lines.append("LEDGER: remainder 0 in every row; every tier counted the same.")
    elif ledger.verdict == "unknown":
        lines.append("LEDGER: NOT KNOWN; all counts that can be compared agree.")
    else:
        fault = ledger.account.fault
        alone = all(fault in each.between for each in differences)
        why = "all other tiers agree" if alone else "it contradicts itself"
        tier = f"{fault} is at fault: {why}" if fault else "no single tier explains all of them"
        lines.append(f"LEDGER: WRONG, {len(differences):,} difference{'s' * (len(differences) != 1)}; {tier}.")
    return "\n".join(lines)


def _table(account: Account) -> str:
    head = ("route", "status", "Locust", "others", "NGINX log", "Django", "remainder")
    body = [
        (
            row.route,
            row.kind,
            *map(_count, (row.sent, row.others, row.logged, row.answered)),
            _signed(row.remainder),
        )
        for row in account.rows
    ]
    columns = zip(*((row.sent, row.others, row.logged, row.answered) for row in account.rows), strict=True)
    sums = [_sum(column) for column in columns]
    largest = max((row.remainder for row in account.rows), key=abs, default=0)
    total = ("all", "", *map(_count, sums), _signed(largest))
    return grid([head, *body, total], words={0, 1})


def _statement(account: Account) -> Iterator[str]:
    last = ""
    for line in account.lines:
        if not line.sign and last:
            yield ""
        last = line.sign
        yield f"{line.sign:>3} {line.count:>11,}  {line.what}"


def times(quantiles: Sequence[Quantiles]) -> list[tuple[str, ...]]:
    """Return the quantiles in milliseconds as table rows with a header. NGINX's and Django's are intervals."""
    routes: dict[str, list[Quantiles]] = {}
    for each in quantiles:
        routes.setdefault(each.route, []).append(each)
    of_first = next(iter(routes.values()))
    head = ("milliseconds", *(cell for each in of_first for cell in (f"p{each.q * 100:g} Locust", "NGINX", "Django")))
    body = [
        (
            route,
            *(
                cell
                for each in of
                for cell in (f"{each.locust * 1000:,.1f}", *map(_interval, (each.nginx, each.django)))
            ),
        )
        for route, of in routes.items()
    ]
    return [head, *body]


def _times(quantiles: Sequence[Quantiles]) -> str:
    if not quantiles:
        return ""
    implausible = [
        f"p{each.q * 100:g} of {each.route} is higher in one tier than in the tier in front of it"
        for each in quantiles
        if not each.credible
    ]
    return "\n".join([grid(times(quantiles), words={0}), *implausible])


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ABSENT
    above, maximum = (f"{seconds * 1000:g}" for seconds in interval)
    if interval.maximum == float("inf"):
        return f">{above}"
    return f"{above}-{maximum}" if interval.maximum else "<1"


def _sum(column: Sequence[int | None]) -> int | None:
    known = [n for n in column if n is not None]
    return sum(known) if known else None


def _count(n: int | None) -> str:
    return ABSENT if n is None else f"{n:,}"


def _signed(n: int) -> str:
    return f"{n:+,}" if n else "0"
