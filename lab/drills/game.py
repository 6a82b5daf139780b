"""The incident game: a fault is injected under load, and the player uses the monitoring to find its tier and cause."""

import math
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import click

from lab import times
from lab.console import grid
from lab.drills.drill import injected
from lab.drills.incidents import FALLS, INCIDENTS, NOISE, RISES, SAME, SIGNALS, SYMPTOMS, TIERS, Incident, Signal
from lab.drills.load_process import running_load
from lab.errors import LabError
from lab.prometheus import Api
from lab.runtimes import services
from lab.runtimes.base import Runtime

#: The factor by which a signal must change to count as risen or fallen.
FACTOR = 1.5
#: Seconds of load before the fault: longer than the signals' windows.
CALM_SECONDS = 30
#: Seconds until an event appears in the signals' rates: two scrapes.
LAG_SECONDS = 10
Readings = Mapping[str, float]


@dataclass
class Round:
    """One round: the incident, the signals before it, and when it began."""

    incident: Incident
    before: Readings
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the round began."""
        return time.monotonic() - self.began


def choose(runtime: Runtime, seed: int) -> Incident:
    """Return the incident for a seed, chosen from those that this runtime can run."""
    return random.Random(seed).choice(available(runtime))


def available(runtime: Runtime) -> list[Incident]:
    """Return the incidents that this runtime can run."""
    return [each for each in INCIDENTS if runtime.provides.issuperset(each.needs)]


@contextmanager
def broken(runtime: Runtime, incident: Incident) -> Iterator[Round]:
    """Start a load run, inject the fault without naming it, and always revert it at the end."""
    runtime.require_running()
    click.echo("Starting the load run …")
    with running_load(runtime, CALM_SECONDS):
        before = read(runtime)
        with injected(runtime, incident.fault, "incident", "find the cause."):
            yield Round(incident, before)


def play(runtime: Runtime, seed: int) -> bool:
    """Play one round in the terminal and return whether the tier and the cause were found. Ctrl-C gives up."""
    with broken(runtime, choose(runtime, seed)) as this:
        where = runtime.shown_url(services.named("receiver"), "/dashboards/")
        click.echo(
            f"\n{SYMPTOMS[this.incident.symptom]} It started just now.\nWhich tier is it, and what is the cause? See"
            f" {where}, `make alerts` and `make logs`.\nCtrl-C gives up."
        )
        attempts = 0
        try:
            while True:
                tier = click.prompt("\nTier", type=click.Choice(TIERS))
                attempts += 1
                if tier != this.incident.tier:
                    click.echo(f"It is not {tier}. Its signals before the incident and now:")
                    click.echo(_signals(runtime, this, tier))
                    continue
                if _cause(runtime, tier) is this.incident:
                    break
                click.echo("The tier is right, but the cause is not.")
        except click.Abort:
            click.echo(f"\nGiven up after {times.rough(this.seconds)}.")
            attempts = 0
        else:
            tries = "the first attempt" if attempts == 1 else f"attempt {attempts}"
            click.echo(f"\nRight on {tries}, after {times.rough(this.seconds)}.")
        click.echo(f"The tier was {this.incident.tier}. Cause: {this.incident.cause}.")
        click.echo(_debrief(runtime, this, wait=bool(attempts)))
        click.echo(f"\nTo play the same incident again: make incident SEED={seed}")
    return bool(attempts)


def _debrief(runtime: Runtime, this: Round, *, wait: bool) -> str:
    """Return the evidence as a table, followed by the signals that do not show it yet.

    If ``wait`` is true, wait first until all of them show it, or until the time is up.
    """
    now = read(runtime)
    if wait and _missing(this, now):
        seconds = max(this.incident.seconds - this.seconds, LAG_SECONDS)
        click.echo(f"Waiting until the evidence appears in Prometheus (up to {seconds:.0f} s, Ctrl-C skips this) …")
        with suppress(KeyboardInterrupt, LabError):
            _await_evidence(runtime, this, seconds)
        now = read(runtime)
    missing = _missing(this, now)
    late = f"\nNot visible in Prometheus yet: {', '.join(missing)}." if missing else ""
    return f"The evidence:\n{_evidence(this, now)}{late}"


def prove(runtime: Runtime, incident: Incident) -> str:
    """Inject an incident, wait until all of its evidence appears, revert it, and return the evidence as a table.

    Raises LabError if some of the evidence does not appear in time.
    """
    with broken(runtime, incident) as this:
        now = _await_evidence(runtime, this, incident.seconds)
        table = _evidence(this, now)
        if missing := _missing(this, now):
            raise LabError(f"{incident.name} did not have the expected effect on {', '.join(missing)}:\n{table}")
        return table


def _await_evidence(runtime: Runtime, this: Round, seconds: float) -> Readings:
    """Wait up to ``seconds`` until all evidence appears, and return the last readings."""
    deadline = time.monotonic() + seconds
    while _missing(this, now := read(runtime)) and time.monotonic() < deadline:
        time.sleep(1)
    return now


def _missing(this: Round, now: Readings) -> list[str]:
    return [name for name, change in this.incident.evidence if not _does(this, now, name, change)]


def read(runtime: Runtime) -> Readings:
    """Return the current value of each signal, or NaN if it has none."""
    api = Api(runtime.url(services.named("prometheus"), ""))
    now = time.time()
    found = {}
    for each in SIGNALS:
        series = api.query(each.expr, now).series
        found[each.name] = float(series[0]["value"][1]) if series else math.nan
    return found


def changed(signal: Signal, before: float, now: float) -> str:
    """Return how a signal changed: ``RISES``, ``FALLS`` or ``SAME``. A missing value counts as 0."""
    before, now = (0.0 if math.isnan(value) else value for value in (before, now))
    if abs(now - before) <= (signal.noise or NOISE[signal.unit]):
        return SAME
    if now > before * FACTOR:
        return RISES
    return FALLS if now * FACTOR < before else SAME


def _does(this: Round, now: Readings, name: str, change: str) -> bool:
    signal = next(each for each in SIGNALS if each.name == name)
    return changed(signal, this.before[name], now[name]) == change


def _cause(runtime: Runtime, tier: str) -> Incident:
    """Ask the player for one of a tier's causes."""
    causes = [each for each in available(runtime) if each.tier == tier]
    for number, each in enumerate(causes, 1):
        click.echo(f"  {number}  {each.cause}")
    return causes[click.prompt("Cause", type=click.IntRange(1, len(causes))) - 1]


def _signals(runtime: Runtime, this: Round, tier: str) -> str:
    now = read(runtime)
    return _table(this, now, [each for each in SIGNALS if each.tier == tier])


def _evidence(this: Round, now: Readings) -> str:
    names = [name for name, _ in this.incident.evidence]
    return _table(this, now, [each for each in SIGNALS if each.name in names])


def _table(this: Round, now: Readings, signals: Iterable[Signal]) -> str:
    rows = [
        (
            each.name,
            _shown(this.before[each.name]),
            _shown(now[each.name]),
            each.unit,
            changed(each, this.before[each.name], now[each.name]),
            each.panel,
        )
        for each in signals
    ]
    return grid([("signal", "before", "now", "unit", "change", "panel"), *rows], words={0, 3, 4, 5})


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"
