"""The game: something breaks under load, and whoever plays finds the tier and the cause by what the lab shows."""

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

#: By how much a signal must grow or shrink to have risen or fallen.
FACTOR = 1.5
#: Seconds that people shop before anything breaks: longer than the windows of the signals.
CALM_SECONDS = 30
#: Seconds until what happens now shows in a signal's rate: two scrapes.
LAG_SECONDS = 10
Readings = Mapping[str, float]


@dataclass
class Round:
    """One round: what was broken, how the signals stood before, and when it began."""

    incident: Incident
    before: Readings
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return time.monotonic() - self.began


def choose(runtime: Runtime, seed: int) -> Incident:
    """Return the incident that a seed stands for, of those that this runtime has what it needs for."""
    return random.Random(seed).choice(available(runtime))


def available(runtime: Runtime) -> list[Incident]:
    """Return the incidents that this runtime has what it needs for."""
    return [each for each in INCIDENTS if runtime.provides.issuperset(each.needs)]


@contextmanager
def broken(runtime: Runtime, incident: Incident) -> Iterator[Round]:
    """Have people shop, break the lab, give the round, and mend the lab whatever happens. The name stays unsaid."""
    runtime.require_running()
    click.echo("People begin to shop …")
    with running_load(runtime, CALM_SECONDS):
        before = read(runtime)
        with injected(runtime, incident.fault, "incident", "what is it?"):
            yield Round(incident, before)


def play(runtime: Runtime, seed: int) -> bool:
    """Play one round on the terminal and say whether tier and cause were found; Ctrl-C gives up."""
    with broken(runtime, choose(runtime, seed)) as this:
        where = runtime.shown_url(services.named("grafana" if "grafana" in runtime.provides else "prometheus"), "/")
        click.echo(
            f"\n{SYMPTOMS[this.incident.symptom]} It has just begun.\nWhich tier is it, and what is the cause? Look at"
            f" {where}, `make alerts`, `make logs`.\nCtrl-C gives up."
        )
        answers = 0
        try:
            while True:
                tier = click.prompt("\nTier", type=click.Choice(TIERS))
                answers += 1
                if tier != this.incident.tier:
                    click.echo(f"Not {tier}. What it does, before and now:\n{_signals(runtime, this, tier)}")
                    continue
                if _cause(runtime, tier) is this.incident:
                    break
                click.echo("The tier is right, the cause is not.")
        except click.Abort:
            click.echo(f"\nGiven up after {times.rough(this.seconds)}.")
            answers = 0
        else:
            tries = "the first answer" if answers == 1 else f"answer {answers}"
            click.echo(f"\nRight, with {tries}, after {times.rough(this.seconds)}.")
        click.echo(f"It was {this.incident.tier}: {this.incident.cause}.")
        click.echo(f"{_debrief(runtime, this, wait=bool(answers))}\n\nThe same again: make incident SEED={seed}")
    return bool(answers)


def _debrief(runtime: Runtime, this: Round, *, wait: bool) -> str:
    """Return the evidence as a table, with the signals that do not show it yet; if ``wait``, wait for them first."""
    now = read(runtime)
    if wait and _missing(this, now):
        seconds = max(this.incident.seconds - this.seconds, LAG_SECONDS)
        click.echo(f"Waiting until the evidence shows in Prometheus (up to {seconds:.0f} s, Ctrl-C skips this) …")
        with suppress(KeyboardInterrupt):
            now = _await_evidence(runtime, this, seconds)
    missing = _missing(this, now)
    late = f"\nNot visible in Prometheus yet: {', '.join(missing)}." if missing else ""
    return f"The evidence:\n{_evidence(this, now)}{late}"


def prove(runtime: Runtime, incident: Incident) -> str:
    """Break the lab, wait until all of the evidence is there, mend it, and return the evidence as a table.

    Raises LabError when some of it is not there in time.
    """
    with broken(runtime, incident) as this:
        now = _await_evidence(runtime, this, incident.seconds)
        table = _evidence(this, now)
        if missing := _missing(this, now):
            raise LabError(f"{incident.name} does not show in {', '.join(missing)}:\n{table}")
        return table


def _await_evidence(runtime: Runtime, this: Round, seconds: float) -> Readings:
    """Wait at most so long until all of the evidence shows, and return the last readings."""
    deadline = time.monotonic() + seconds
    while _missing(this, now := read(runtime)) and time.monotonic() < deadline:
        time.sleep(1)
    return now


def _missing(this: Round, now: Readings) -> list[str]:
    return [name for name, change in this.incident.evidence if not _does(this, now, name, change)]


def read(runtime: Runtime) -> Readings:
    """Return each signal's value at this moment; not a number for one that has none."""
    api = Api(runtime.url(services.named("prometheus"), ""))
    now = time.time()
    found = {}
    for each in SIGNALS:
        series = api.query(each.expr, now).series
        found[each.name] = float(series[0]["value"][1]) if series else math.nan
    return found


def changed(signal: Signal, before: float, now: float) -> str:
    """Say what a signal did: ``rises``, ``falls`` or ``stays``. One that is away says nothing, and stays."""
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
    """Ask which of the causes that a tier may have it is."""
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
    return grid([("signal", "before", "now", "", "it", "panel"), *rows], words={0, 3, 4, 5})


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"
