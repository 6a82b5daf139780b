"""Console output of the lab command: tables, and one line per step with its duration."""

import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

import click
from rich.console import Console

console = Console(highlight=False)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show the step ``what`` as in progress during the block, then as done (with its duration) or failed."""
    began = time.monotonic()
    try:
        with console.status(f"{what} …"):
            yield
    except BaseException:
        console.print(f"  [red]✗[/red] {what}")
        raise
    done(what, time.monotonic() - began)


def done(what: str, seconds: float) -> None:
    """Show the step ``what`` as done, with its duration."""
    console.print(f"  [green]✓[/green] {what:<40} {seconds:5.1f} s")


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as their content. Nothing is truncated or wrapped, so URLs can be copied."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def grid(rows: Sequence[Sequence[str]], *, words: Set[int]) -> str:
    """Return rows below an underlined header. The columns in ``words`` are left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number in words else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def last_line(text: str, otherwise: str = "no reason given") -> str:
    """Return the last line of a text that is not blank, or ``otherwise`` if there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else otherwise
