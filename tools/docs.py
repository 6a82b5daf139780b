"""Generate the tables of make targets and drills in the docs."""

import re
from pathlib import Path

from lab.drills.catalogue import DRILLS
from lab.errors import LabError
from lab.paths import ROOT

DOCS = ROOT / "docs"


def pages() -> dict[Path, str]:
    """Return each page that contains a generated table, and the up-to-date text of that page."""
    tables = {"verbs.md": ("the Makefile", verbs()), "alerts.md": ("lab/drills/catalogue.py", drills())}
    return {DOCS / name: with_table(DOCS / name, source, table) for name, (source, table) in tables.items()}


def verbs() -> str:
    """Return the table of make targets: each target's help text, followed by the comment above the target."""
    targets = re.findall(
        r"^((?:# .*\n)*)([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    rows = []
    for comment, name, help_text in targets:
        sentences = " ".join([f"{help_text}.", *re.findall(r"^# (.*)$", comment, re.MULTILINE)]).replace("|", "\\|")
        rows.append((f"`make {name}`", re.sub(r'(?<!`)\b([A-Z]+=(?:"[^"]*"|[^\s,;:]*[^\s,;:.]))', r"`\1`", sentences)))
    return _table(("command", "what it does"), rows)


def drills() -> str:
    """Return the table of drills."""
    return _table(
        ("drill", "what breaks", "alerts"),
        [
            (
                f"`{drill.name}`",
                drill.what + (f" Needs {', '.join(drill.needs)}." if drill.needs else ""),
                ", ".join(drill.alerts),
            )
            for drill in DRILLS
        ],
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in (head, *rows)]
    return "".join([lines[0], f"|{'---|' * len(head)}\n", *lines[1:]])


def with_table(page: Path, source: str, table: str) -> str:
    """Return a page's text with the table inserted after the comment that names the table's source."""
    mark = f"<!-- Generated from {source} by `make generate`. -->\n\n"
    before, found, after = page.read_text(encoding="utf-8").partition(mark)
    if not found:
        raise LabError(
            f"{page.name} lacks the line before the table from {source}: add {mark.strip()} and an empty line."
        )
    return before + mark + table + re.sub(r"\A(?:\|.*\n)*", "", after)
