"""Test that the project's texts contain none of the words and phrases listed below.

The list contains only phrases that are wrong in every context: nobody would say them aloud, or engineers use a standard
term instead.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.paths import ROOT

#: Files that are not checked: generated files, files from other projects, files that quote older texts, and this file.
NOT_OURS = (
    *("CHANGELOG.md", "LICENSE", "tests/config/test_language.py", "lab/runs/report/assets/echarts.min.js"),
    *("app/product/static/", "grafana/dashboards/", "nginx/routes.conf", "prometheus/production/", "prometheus/rules/"),
    *("docs/metrics.md", "requirements/", "docs/pictures/"),
)

#: Each row is a pattern, what to write instead, and a sentence that the pattern matches. A space in a pattern also
#: matches a line break, including one inside a comment or between two strings.
PHRASES = (
    ("heed(s|ed|ing)?|unheeded", "handle or ignore (a signal)", "A second signal is not heeded."),
    ("anew", "again; reload, restart, recreate", "The rules are read anew."),
    ("mend(s|ed|ing)?", "fix, revert, recover", "`make up` mends it."),
    ("whoever|whomever", "anyone who, the user, the client", "Whoever comes that way cannot shop."),
    ("that there (is|are|was|were) not", "that does not exist, missing", "A table that there is not."),
    ("(by|for|from|with) who", "for users who, from clients that", "For who has the lab's token."),
    ("who comes", "the next request, new clients", "Who comes next waits."),
    ("(all|each|it|nobody|nothing|somebody|what|which|who) (is|are|was|were) told", "notified, sent", "What was told."),
    ("told of", "notified about, informed about", "Nobody was told of an alert."),
    ("all(-| )clear", "resolved notification", "27.2 s  all clear told"),
    ("(is|are|was|were) away", "is down, is unreachable, is stopped", "As long as uWSGI is away."),
    ("(is|are|was|were) ill", "is unhealthy", "A service that is ill."),
    ("for ever", "forever", "A transaction is left open for ever."),
    ("asked of", "requested from, looked up in", "What is asked of the cache it has not."),
    ("held back", "inhibited", "Alerts that are held back."),
    ("cut by the (visitor|client|user)", "aborted by the client", "cut by the visitor (499)"),
    ("(came|comes?) to rest", "settles, becomes idle", "The shop did not come to rest."),
    ("in the place of|in (its|their) stead", "instead of", "A fault in the place of the view."),
    ("(and|are|do|does|is|so) no more(?=[.,:;)])", "no longer, nothing else", "It pushes, and does so no more."),
    ("cannot be had", "is not available, cannot be used", "An address that cannot be had."),
    ("(each|every|last|of a|the two|two) looks?", "scrape, check, read", "The time of a look at uWSGI."),
    ("(end|ends|ended|ending) (it )?in one sentence", "exits with one sentence", "A bad setting ends in one sentence."),
    ("the fault is there", "fault injected", "  0.0 s  the fault is there"),
    ("workers? (is|are|was|were) renewed", "is recycled, is respawned", "Each worker is renewed."),
    ("answers? of (uWSGI|NGINX|Django|Prometheus|Grafana)", "responses from", "95 of 100 answers of uWSGI."),
    ("(says?|said) last", "the latest log lines", "Print what the parts said last."),
    ("besides(?=[.,:;)])", "also, in addition", "What it reads from the database besides."),
)

#: Test names are sentences, so they are checked, too.
NAME_OF_TEST = re.compile(r"(?<=def )test_\w+")

#: What may separate two words: whitespace, comment characters, and the quotes around strings.
SPACE = r"""(?:[\s"'#;*|>]|\bf(?="))+"""


def found(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line number, the words found and the suggested replacement for each listed phrase in a text."""
    for pattern, instead, _ in PHRASES:
        for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)".replace(" ", SPACE), text, re.IGNORECASE):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file to check. In the text, test names are turned into sentences."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0")[:-1]:
        path = Path(ROOT, name)
        if not name.startswith(NOT_OURS) and path.is_file():
            yield name, NAME_OF_TEST.sub(lambda name: name[0].replace("_", " "), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("pattern", "instead", "sentence"), PHRASES, ids=[instead for _, instead, _ in PHRASES])
def test_every_phrase_is_found_in_its_example(pattern, instead, sentence):
    assert instead in [replacement for *_, replacement in found(sentence)]


def test_a_phrase_is_found_across_a_line_break():
    assert [line for line, *_ in found("# The first line\n#  A table that there\n#  is not.\n")] == [2]
    assert [line for line, *_ in found('"For a table that "\n    f"there is not."')] == [1]


def test_words_that_only_contain_a_phrase_are_allowed():
    assert list(found("I recommend an amendment. Take a look: it is no more than 5. It is held, back home.")) == []


def test_no_text_contains_a_rejected_phrase():
    wrong = [
        f"{name}:{line}: {words!r}: write {instead!r}" for name, text in texts() for line, words, instead in found(text)
    ]

    assert not wrong, "\n".join(["", *wrong])
