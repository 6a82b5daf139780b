"""The runbooks as HTML pages, rendered from ``docs/runbooks/`` on each request."""

import re
from collections.abc import Iterable
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from alertmanager import pages

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "runbooks"
INDEX = "README"
#: A link from one runbook to another.
LINK = re.compile(r"(\w+)\.md")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def page(name: str) -> str | None:
    """Return a runbook's page, or the index if ``name`` is empty. Return None if the runbook does not exist."""
    file = FOLDER / f"{name or INDEX}.md"
    # A name that consists only of word characters cannot lead out of the folder.
    if not re.fullmatch(r"\w{,64}", name) or not file.is_file():
        return None
    tokens = MARKDOWN.parse(file.read_text(encoding="utf-8"))
    _rewrite_links(tokens)
    body = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return pages.page(name or "Runbooks", body, at="/runbooks/", kind="text")


def _rewrite_links(tokens: Iterable[Token]) -> None:
    """Change links to other runbooks' files into links to their pages."""
    for token in tokens:
        for each in token.children or ():
            if each.type == "link_open" and (found := LINK.fullmatch(str(each.attrs["href"]))):
                each.attrs["href"] = f"/runbooks/{found[1]}"
