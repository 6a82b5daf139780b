"""Figures in columns, as the lab's commands print them."""

from collections.abc import Sequence, Set


def grid(rows: Sequence[Sequence[str]], *, words: Set[int]) -> str:
    """Return rows in columns below a ruled head; the columns ``words`` are set to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
