"""Test that everything mentioned in the docs exists, and that nothing is missing from them."""

import ast
import re
from collections.abc import Iterator

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import settings
from tools import docs

README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


def test_the_settings_page_lists_every_setting_and_nothing_else():
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", SETTINGS))

    # Images and their versions are listed only in .env.
    assert named == settings.CHECKS.keys() - set(settings.OFFICIAL_IMAGES)


def test_the_documented_defaults_match_the_env_file():
    values = settings.load({})

    for row in re.findall(r"^\| (`[A-Z_`, ]+) \| ([^|]+) \|", SETTINGS, flags=re.MULTILINE):
        names = re.findall(r"[A-Z_]+", row[0])
        if row[1].strip() == "empty":
            assert [values[name] for name in names] == [""] * len(names)
        else:
            assert ", ".join(values[name] for name in names) == row[1].strip()


@pytest.mark.parametrize("page", docs.pages(), ids=lambda page: page.name)
def test_the_generated_table_on_a_page_is_up_to_date(page):
    assert page.read_text() == docs.pages()[page], "run `make generate`"


def test_the_table_of_make_targets_has_their_help_and_arguments():
    rows = docs.verbs().splitlines()

    assert len(rows) == 2 + len(re.findall(r"^[a-z-]+:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert "| `make restart` | Restart one service: `S=nginx`. Waits until it works again. |" in rows
    assert r"`PROFILE=smoke\|steady\|ramp\|spike\|flash-sale` `USERS=…`" in docs.verbs()


def test_every_make_target_in_the_docs_exists():
    named = {verb for page in PAGES for verb in re.findall(r"`make ([a-z-]+)", page.read_text())}

    assert named <= set(re.findall(r"`make ([a-z-]+)`", docs.verbs()))


def test_a_page_without_a_place_for_its_table_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n")

    with pytest.raises(LabError, match=r"page\.md lacks the line"):
        docs.with_table(page, "the Makefile", docs.verbs())


def test_every_file_that_the_docs_link_to_exists():
    for page in PAGES:
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name} links to {link}"
            assert not anchor or anchor in anchors(target), f"{page.name} links to {link}#{anchor}"


def anchors(page):
    """Return the anchors that GitHub generates for the headings on a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_links_to_every_docs_page():
    assert len(README.splitlines()) <= 120
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\(docs/([\w-]+\.md)", README))


def messages() -> Iterator[str]:
    """Yield every string in the lab's code. In f-strings, each value is replaced by …"""
    for module in (ROOT / "lab").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_message_on_the_troubleshooting_page_is_in_the_code():
    named = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    texts = list(messages())

    assert named
    assert [
        message
        for message in named
        if not any(all(part.strip() in text for part in message.split("…")) for text in texts)
    ] == []


def test_every_folder_in_the_readme_exists():
    table = README.split("## Repository layout")[1]

    for folder in re.findall(r"^\| ((?:`[a-z]+/`(?:, )?)+) \|", table, flags=re.MULTILINE):
        for name in re.findall(r"`([a-z]+)/`", folder):
            assert (ROOT / name).is_dir()
