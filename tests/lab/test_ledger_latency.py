"""Test quantiles from three tiers: exact values from Locust, and histogram buckets from NGINX and Django."""

import math

import pytest

from lab.runs.ledger.latency import Interval, Quantiles, bucket_of_quantile, compare

CUMULATIVE = {-1.0: 0, 0.0: 10, 0.005: 60, 0.01: 90, 0.025: 99, math.inf: 100}


@pytest.mark.parametrize(
    ("q", "interval"),
    [
        (0.01, Interval(0.0, 0.0)),
        (0.1, Interval(0.0, 0.0)),
        (0.11, Interval(0.0, 0.005)),
        (0.6, Interval(0.0, 0.005)),
        (0.9, Interval(0.005, 0.01)),
        (0.95, Interval(0.01, 0.025)),
        (1, Interval(0.025, math.inf)),
    ],
)
def test_a_quantile_of_a_histogram_is_the_bucket_that_contains_it(q, interval):
    assert bucket_of_quantile(CUMULATIVE, q) == interval


def test_an_empty_histogram_has_no_quantile():
    assert bucket_of_quantile({}, 0.5) is None
    assert bucket_of_quantile({0.1: 0, math.inf: 0}, 0.5) is None


def test_a_tier_slower_than_the_one_in_front_of_it_is_not_credible():
    def of(locust: float, nginx: Interval, django: Interval, alone: bool = True) -> bool:
        return Quantiles("a", 0.5, locust, nginx, django, alone).credible

    assert of(0.012, Interval(0.01, 0.025), Interval(0.005, 0.01))
    assert not of(0.004, Interval(0.01, 0.025), Interval(0.005, 0.01))
    assert not of(0.012, Interval(0.005, 0.01), Interval(0.025, 0.05))
    assert of(0.004, Interval(0.01, 0.025), Interval(0.005, 0.01), alone=False)


def test_quantiles_are_by_route_and_marked_if_others_share_the_route():
    histograms = {"nginx-log": {"a": CUMULATIVE}, "django": {}}

    found = compare({"a": {"0.5": 0.004, "0.95": 0.02, "0.99": 0.02}}, histograms, alone=set())

    assert found[0] == Quantiles("a", 0.5, 0.004, Interval(0.0, 0.005), None, alone=False)
    assert [each.q for each in found] == [0.5, 0.95, 0.99]
