"""Test a load run's counts and its summary."""

from decimal import Decimal

import pytest

from loadtest import summary
from loadtest.tally import Tally


@pytest.fixture
def tally() -> Tally:
    """Three successful requests and one order."""
    tally = Tally()
    tally.request(name="product:list", method="GET", status=200, failure=None, seconds=0.01)
    tally.request(name="product:list", method="GET", status=404, failure=None, seconds=0.02)
    tally.request(name="checkout:checkout", method="POST", status=302, failure=None, seconds=0.03)
    tally.order_placed(cart={"quinces": 3, "juice-box": 2}, total=Decimal("1243.10"))
    return tally


def test_requests_are_counted_by_name_method_and_status(tally):
    tally.request(name="product:list", method="HEAD", status=200, failure=None, seconds=0.25)
    tally.request(name="product:list", method="GET", status=0, failure="no response", seconds=9.0)

    assert tally.as_json() == {
        "requests": 5,
        "failures": 1,
        "counts": {
            "checkout:checkout": {"POST": {"302": 1}},
            "product:list": {"GET": {"200": 1, "404": 1, "0": 1}, "HEAD": {"200": 1}},
        },
        "seconds": {
            "checkout:checkout": {"0.5": 0.03, "0.95": 0.03, "0.99": 0.03},
            "product:list": {"0.5": 0.02, "0.95": 0.25, "0.99": 0.25},
        },
        "orders_placed": 1,
        "orders_refused": 0,
        "orders_repeated": 0,
        "units": 5,
        "revenue": "1243.10",
        "problems": ["1 of 5 requests failed"],
    }


def test_a_successful_run_passes_with_its_sales_and_request_rate(tally):
    text = summary.verdict(tally, seconds=1.5)

    assert text == (
        "1 order placed, 0 refused (out of stock), 0 submitted twice; 5 units sold for €1,243.10.\n"
        "PASSED: 3 requests in 2 s (2.0/s), none failed."
    )


def test_a_failed_request_fails_the_run(tally):
    tally.request(name="product:detail", method="GET", status=502, failure="status 502 instead of 200")

    assert tally.problems() == ["1 of 4 requests failed"]
    assert summary.verdict(tally, seconds=2).splitlines()[-1] == "FAILED: 1 of 4 requests failed."
    assert summary.failures(tally).strip() == "1 x GET product:detail: status 502 instead of 200"


def test_a_run_without_requests_fails():
    assert Tally().problems() == ["no request was sent"]


def test_an_exception_in_the_load_test_itself_fails_the_run(tally):
    tally.errors["KeyError('quinces')"] += 2

    assert tally.problems() == ["the load test's code failed 2 times (KeyError('quinces'))"]


def test_a_run_that_was_stopped_early_fails(tally):
    tally.stopped_early = True

    assert tally.problems() == ["the run was stopped early"]


@pytest.mark.parametrize(
    ("stock_seen", "problems"),
    [([3, 0], []), ([1, 3, 2], []), ([2, 1], ["quinces was oversold: 3 units sold, 2 in stock"])],
    ids=["all", "the most counts", "more than all"],
)
def test_overselling_a_product_fails_the_run(tally, stock_seen, problems):
    for stock in stock_seen:
        tally.stock_seen({"quinces": stock})

    assert tally.problems() == problems


def test_only_the_most_frequent_failures_are_listed(tally):
    for number in range(15):
        for _ in range(20 - number):
            tally.request(name="static", method="GET", status=0, failure=f"fault {number}")

    lines = summary.failures(tally).splitlines()

    assert len(lines) == 11
    assert lines[0].strip() == "20 x GET static: fault 0"
    assert lines[-1].strip() == "and 5 other kinds of failure"


def test_the_table_is_sorted_and_ends_with_the_total():
    rows = [
        summary.Row("static", "GET", 12345, 0, 1, 4, 10),
        summary.Row("checkout:checkout", "POST", 7, 1, 14, 79, 1200),
        summary.Row("checkout:checkout", "GET", 8, 0, 9, 15, 15),
    ]

    lines = summary.table(rows, summary.Row("all", "", 12360, 1, 1, 11, 26)).splitlines()

    assert [line.split()[:4] for line in lines[2:5]] == [
        ["checkout:checkout", "GET", "8", "0"],
        ["checkout:checkout", "POST", "7", "1"],
        ["static", "GET", "12,345", "0"],
    ]
    assert lines[3].split()[4:] == ["14", "ms", "79", "ms", "1200", "ms"]
    assert lines[-1].split() == ["all", "12,360", "1", "1", "ms", "11", "ms", "26", "ms"]
    assert len({len(line) for line in lines}) == 1


def test_the_progress_line_shows_the_elapsed_time_and_the_counts_so_far(tally):
    line = summary.progress(tally, title="smoke", seconds=1.6, of_seconds=20, users=1)
    by_hand = summary.progress(Tally(), title="by hand", seconds=0.2, of_seconds=None, users=2)

    assert line == "smoke 2/20 s · 1 user · 3 requests (1.9/s) · 0 failed · 1 order"
    assert by_hand == "by hand 0 s · 2 users · 0 requests (0.0/s) · 0 failed · 0 orders"
