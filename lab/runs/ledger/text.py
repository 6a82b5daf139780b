"""The ledger as a person reads it, at 100 columns."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lab.console import grid
from lab.runs.ledger.account import Account
from lab.runs.ledger.books import Ledger
from lab.runs.ledger.latency import Interval, Quantiles

MOST_DIFFERENCES = 12
ABSENT = "·"


def page(ledger: Ledger) -> str:
    """Return the whole: the table by route and status, the statement from tier to tier, the quantiles, the verdict."""
    began, ended = (datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (ledger.start, ledger.end))
    parts = [
        f"The ledger from {began} to {ended} UTC: requests as each tier counted them",
        _table(ledger.account),
        "\n".join(_statement(ledger.account)),
        _times(ledger.quantiles),
        verdict(ledger),
    ]
    return "\n\n".join(part for part in parts if part)


def verdict(ledger: Ledger) -> str:
    """Return in a few lines whether the books balance; which tier is at fault if not; why it is not known, if so."""
    lines = [f"note: {note}." for note in ledger.notes]
    lines += [f"not exact: {reason}." for reason in ledger.reasons]
    differences = ledger.account.differences
    lines += [f"  {each.sentence}" for each in differences[:MOST_DIFFERENCES]]
    if len(differences) > MOST_DIFFERENCES:
        lines.append(f"  and {len(differences) - MOST_DIFFERENCES} more differences")
    if ledger.verdict == "exact":
        lines.append("LEDGER: remainder 0 in every row; every tier counted the same.")
    elif ledger.verdict == "unknown":
        lines.append("LEDGER: NOT KNOWN; what can be compared agrees.")
    else:
        fault = ledger.account.fault
        alone = all(fault in each.between for each in differences)
        others = "all others agree" if alone else "it contradicts itself"
        who = f"{fault} is at fault: {others}" if fault else "no single tier explains it"
        lines.append(f"LEDGER: WRONG in {len(differences):,} place{'s' * (len(differences) != 1)}; {who}.")
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
    """Return the quantiles in milliseconds as rows of cells, the head first; NGINX's and Django's are intervals."""
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
    strange = [
        f"p{each.q * 100:g} of {each.route} took longer at one tier than at the one in front of it"
        for each in quantiles
        if not each.credible
    ]
    return "\n".join([grid(times(quantiles), words={0}), *strange])


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ABSENT
    above, most = (f"{seconds * 1000:g}" for seconds in interval)
    if interval.most == float("inf"):
        return f">{above}"
    return f"{above}-{most}" if interval.most else "<1"


def _sum(column: Sequence[int | None]) -> int | None:
    known = [n for n in column if n is not None]
    return sum(known) if known else None


def _count(n: int | None) -> str:
    return ABSENT if n is None else f"{n:,}"


def _signed(n: int) -> str:
    return f"{n:+,}" if n else "0"
