"""The contract's own form, and the page made from it."""

import pytest

from lab import contract
from lab.errors import LabError

GOOD = "- {name: up_total, type: counter, help: Ups., unit: ups, job: django, moves: load}\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be a list of metrics"),
        ("name: x", "must be a list of metrics"),
        ("- [", "cannot be read"),
        ("- type: counter", "each entry needs a name"),
        ("- just words", "each entry needs a name"),
        (GOOD.replace("unit: ups, ", ""), "up_total lacks unit"),
        (GOOD.replace("type: counter", "type: meter"), "up_total has type 'meter'"),
        (GOOD.replace("moves: load", "moves: often"), "up_total has moves 'often'"),
        (GOOD.replace("moves: load", "moves: load, colour: red"), "up_total has the unknown field colour"),
        (GOOD + GOOD, "has up_total twice"),
    ],
)
def test_a_broken_contract_ends_in_a_sentence_that_names_the_entry(tmp_path, text, sentence):
    path = tmp_path / "contract.yaml"
    path.write_text(text)

    with pytest.raises(LabError) as error:
        contract.load(path)

    assert sentence in error.value.message
    assert "\n" not in error.value.message


def test_a_missing_contract_is_said_so(tmp_path):
    with pytest.raises(LabError, match="cannot be read"):
        contract.load(tmp_path / "contract.yaml")


def test_the_page_of_metrics_is_as_fresh_as_the_contract():
    assert contract.PAGE.read_text() == contract.page(contract.load()), "run `make generate`"


def test_a_histogram_stands_for_its_three_kinds_of_sample(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text(GOOD.replace("counter", "histogram").replace("up_total", "ups"))

    (entry,) = contract.load(path)

    assert entry.samples == ("ups_bucket", "ups_sum", "ups_count")
