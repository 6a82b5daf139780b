"""What the README says exists, and what exists is in the README."""

import re

from lab.paths import ROOT
from lab.runtimes import settings

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


def test_every_verb_is_in_the_readme_and_none_that_there_is_not():
    verbs = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    table = README.split("## Verbs")[1].split("\n## ")[0]

    assert set(re.findall(r"`make ([a-z-]+)", README)) <= verbs
    assert set(re.findall(r"^\| `make ([a-z-]+)", table, flags=re.MULTILINE)) == verbs - {"help"}


def test_every_file_that_the_docs_link_to_exists():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_folder_of_the_readme_exists():
    table = README.split("## What is where")[1]

    for folder in re.findall(r"^\| ((?:`[a-z]+/`(?:, )?)+) \|", table, flags=re.MULTILINE):
        for name in re.findall(r"`([a-z]+)/`", folder):
            assert (ROOT / name).is_dir()
