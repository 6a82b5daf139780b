"""Test the incident game: each symptom has several possible causes, and the evidence tells them apart."""

import math
import re
from types import SimpleNamespace

import pytest

from lab import contract
from lab.dashboards import model
from lab.drills import game
from lab.drills.incidents import FALLS, INCIDENTS, RISES, SAME, SIGNALS, SYMPTOMS, TIERS, Signal

HOST, COMPOSE = (SimpleNamespace(provides=frozenset(names)) for names in ((), ("postgres", "redis")))


def test_every_symptom_has_causes_in_several_tiers_on_every_runtime():
    for symptom in SYMPTOMS:
        found = {each.tier for each in INCIDENTS if each.symptom == symptom and not each.needs}
        assert len(found) >= 2, symptom
    assert {each.tier for each in INCIDENTS if not each.needs} == set(TIERS)


def test_names_and_causes_are_unique():
    assert len({each.name for each in INCIDENTS}) == len({each.cause for each in INCIDENTS}) == len(INCIDENTS)


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_the_evidence_distinguishes_incidents_with_the_same_symptom(incident):
    changes = dict(incident.evidence)
    others = [each for each in INCIDENTS if each.symptom == incident.symptom and each is not incident]

    assert changes.keys() <= {signal.name for signal in SIGNALS}
    assert set(changes.values()) <= {RISES, FALLS, SAME}
    assert set(changes.values()) != {SAME}
    for other in others:
        theirs = dict(other.evidence)
        assert any(changes[name] != theirs[name] for name in changes.keys() & theirs.keys()), other.name


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
def test_a_signal_has_an_existing_panel_and_existing_metrics(signal):
    panels = {panel.name for dashboard in model.load() for panel in dashboard.panels}
    promised = {sample for entry in contract.load() for sample in entry.samples}
    metrics = set(re.findall(r"\b(?:nginx|uwsgi|django|pomar)_[a-z_]+", signal.expr))

    assert signal.panel in panels
    assert signal.tier in TIERS
    assert metrics
    assert metrics <= promised


@pytest.mark.parametrize(
    ("unit", "before", "now", "what"),
    [
        ("per second", 0.0, 0.3, SAME),
        ("per second", 0.0, 0.31, RISES),
        ("per second", 100.0, 149.0, SAME),
        ("per second", 100.0, 151.0, RISES),
        ("per second", 100.0, 67.0, SAME),
        ("per second", 100.0, 66.0, FALLS),
        ("s", 0.02, 0.11, SAME),
        ("s", 0.02, 0.2, RISES),
        ("1 or 0", 1.0, 0.0, FALLS),
        ("per second", 100.0, math.nan, FALLS),
        ("s", math.nan, 2.0, RISES),
        ("s", math.nan, math.nan, SAME),
    ],
)
def test_a_signal_rises_or_falls_only_by_more_than_noise(unit, before, now, what):
    assert game.changed(Signal("x", "nginx", unit, "", ""), before, now) == what


def test_an_event_that_normally_never_happens_has_less_noise():
    killed = next(each for each in SIGNALS if each.name == "workers killed by harakiri")

    assert game.changed(killed, 0, 1 / 20) == RISES
    assert game.changed(killed, 0, 0) == SAME


def test_a_seed_always_chooses_the_same_incident_and_all_are_chosen():
    first = [game.choose(HOST, seed) for seed in range(200)]

    assert first == [game.choose(HOST, seed) for seed in range(200)]
    assert {each.name for each in first} == {each.name for each in INCIDENTS if not each.needs}
    assert {game.choose(COMPOSE, seed).name for seed in range(200)} == {each.name for each in INCIDENTS}


@pytest.fixture
def round_with(monkeypatch):
    """A function that returns a round of the incident ``exception`` with the given 5xx rates.

    Each read of the signals returns the next rate. The last rate repeats.
    """

    def make(*rates: float) -> game.Round:
        incident = next(each for each in INCIDENTS if each.name == "exception")
        left = list(rates)

        def read(runtime) -> dict[str, float]:
            rate = left.pop(0) if len(left) > 1 else left[0]
            return {each.name: 0.0 for each in SIGNALS} | {"database reachable": 1.0, "Django 5xx responses": rate}

        monkeypatch.setattr(game, "read", read)
        monkeypatch.setattr(game.time, "sleep", lambda seconds: None)
        before = {each.name: 0.0 for each in SIGNALS} | {"database reachable": 1.0}
        return game.Round(incident, before)

    return make


def test_the_debrief_waits_for_evidence_that_has_not_appeared_yet(round_with, capsys):
    said = game._debrief(HOST, round_with(0.0, 0.0, 2.5), wait=True)

    assert "Waiting until the evidence appears in Prometheus (up to 60 s" in capsys.readouterr().out
    assert re.search(r"^Django 5xx responses +0 +2\.5 +per second +rises", said, re.MULTILINE)
    assert "Not visible" not in said


def test_the_debrief_lists_evidence_that_did_not_appear_in_time(round_with, monkeypatch):
    this = round_with(0.0)
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(game.time, "monotonic", lambda: this.began + next(clock))

    assert game._debrief(HOST, this, wait=True).endswith("\nNot visible in Prometheus yet: Django 5xx responses.")


def test_the_debrief_of_an_abandoned_round_does_not_wait(round_with, capsys):
    said = game._debrief(HOST, round_with(0.0, 2.5), wait=False)

    assert said.endswith("\nNot visible in Prometheus yet: Django 5xx responses.")
    assert capsys.readouterr().out == ""


def test_the_debrief_does_not_wait_if_the_evidence_is_visible(round_with, capsys):
    assert "Not visible" not in game._debrief(HOST, round_with(2.5), wait=True)
    assert capsys.readouterr().out == ""
