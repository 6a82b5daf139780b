"""What the README says exists, and what exists is in the README."""

import re

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import settings
from tools import docs

README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_the_readme_and_none_that_there_is_not():
    table = README.split("## Settings")[1].split("\n## ")[0]

    # The images stand in .env alone: it has each with its version.
    assert set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", table)) == settings.CHECKS.keys() - set(settings.OFFICIAL_IMAGES)


def test_the_defaults_in_the_readme_are_those_of_the_env_file():
    table = README.split("## Settings")[1].split("\n## ")[0]
    values = settings.load({})

    for row in re.findall(r"^\| (`[A-Z_`, ]+) \| ([^|]+) \|", table, flags=re.MULTILINE):
        names = re.findall(r"[A-Z_]+", row[0])
        if row[1].strip() == "empty":
            assert [values[name] for name in names] == [""] * len(names)
        else:
            assert ", ".join(values[name] for name in names) == row[1].strip()


@pytest.mark.parametrize("page", docs.pages(), ids=lambda page: page.name)
def test_the_generated_table_of_a_page_is_fresh(page):
    assert page.read_text() == docs.pages()[page], "run `make generate`"


def test_the_table_of_verbs_has_the_help_and_the_comment_of_each_target():
    rows = docs.verbs().splitlines()

    assert len(rows) == 2 + len(re.findall(r"^[a-z-]+:.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert "| `make restart` | Restart one service: `S=nginx`. Waits until it works again. |" in rows
    assert r"`PROFILE=smoke\|steady\|ramp\|spike\|flash-sale` `USERS=…`" in docs.verbs()


def test_every_verb_that_the_readme_names_exists():
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= set(re.findall(r"`make ([a-z-]+)`", docs.verbs()))


def test_a_page_without_the_place_of_its_table_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n")

    with pytest.raises(LabError, match=r"page\.md lacks the line"):
        docs.with_table(page, "the Makefile", docs.verbs())


def test_every_file_that_the_docs_link_to_exists():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_folder_of_the_readme_exists():
    table = README.split("## What is where")[1]

    for folder in re.findall(r"^\| ((?:`[a-z]+/`(?:, )?)+) \|", table, flags=re.MULTILINE):
        for name in re.findall(r"`([a-z]+)/`", folder):
            assert (ROOT / name).is_dir()
