"""A drill from its first request to the last alert that is resolved, with the second of each step."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import click

from lab import signals
from lab.drills.catalogue import Drill
from lab.drills.faults import Fault
from lab.drills.load_process import running_load
from lab.drills.watch import Watch
from lab.errors import LabError
from lab.runs import events
from lab.runtimes.base import Runtime

REVERTED, RESOLVED = "mended", "resolved"
#: Seconds that people shop before anything breaks.
CALM_SECONDS = 15
#: Seconds that a mend waits for another `make` that starts or stops a part.
PATIENCE_SECONDS = 60


@dataclass
class Timeline:
    """What happened when, in seconds since the fault began, and what of the alerts is still to come."""

    #: Unix time.
    began: float = field(default_factory=time.time)
    #: The same moment on the monotonic clock.
    _began: float = field(default_factory=time.monotonic)
    steps: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Put down that something happened now, and say so."""
        seconds = time.monotonic() - self._began
        self.steps.append((seconds, what))
        click.echo(f"  {seconds:6.1f} s  {what}")

    def rows(self, drill: Drill) -> Iterator[tuple[str, str, str]]:
        """Yield each alert with the seconds from the fault to its firing, and from the mend to its end."""
        when = {what: seconds for seconds, what in self.steps}
        for name in drill.alerts:
            fired, resolved = when[f"{name} firing"], when[f"{name} {RESOLVED}"] - when[REVERTED]
            yield name, f"{fired:.0f} s", f"{resolved:.0f} s"


def run_drill(runtime: Runtime, drill: Drill) -> Timeline:
    """Run a drill under load and return its timeline.

    The lab is mended whatever happens, after Ctrl-C too. Raises LabError when the runtime lacks what the drill needs,
    when one of its alerts fires before the fault, when one does not fire or is not resolved in time, or when the ledger
    of the load has a difference.
    """
    runtime.require_running()
    if missing := set(drill.needs) - runtime.provides:
        raise LabError(f"{drill.name} is not for {runtime.name}: it needs {', '.join(sorted(missing))}.")
    watch = Watch(runtime, drill)
    click.echo(f"\n{drill.name}: {drill.what}")
    if earlier := watch.active():
        click.echo(f"  {', '.join(earlier)} of an earlier trouble must end first …")
    watch.wait(lambda: not watch.active(), lambda: f"an alert of {drill.name} fires already")
    with running_load(runtime, CALM_SECONDS):
        timeline = Timeline()
        with injected(runtime, drill.fault, drill.name, drill.what, lambda: timeline.note(REVERTED)):
            timeline.note("the fault is there")
            _await(watch, timeline, "pending", "firing")
            click.echo(f"            look at {drill.panel}, and at {', '.join(watch.runbooks())}")
            told = _await_told(watch, timeline)
        _await(watch, timeline, RESOLVED)
        _await_all_clear(watch, timeline, told)
    return timeline


@contextmanager
def injected(
    runtime: Runtime, fault: Fault, name: str, what: str, reverted: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """A lab with a fault in it, which the dashboards are told of; call ``reverted`` when it is reverted.

    It is mended whatever happens, and no signal is heeded while it is. One that fails in its beginning mends itself.
    """
    events.tell(runtime, "drill", "start", name, f"{name} begins: {what}")
    outcome = "did not begin"
    try:
        with ExitStack() as stack:
            with runtime.patient(PATIENCE_SECONDS):
                stack.enter_context(fault(runtime))
            try:
                yield
            finally:
                outcome = "could not be mended"
                with signals.ignored(), runtime.patient(PATIENCE_SECONDS):
                    stack.close()
                outcome = "is mended"
                reverted()
    finally:
        events.tell(runtime, "drill", "end", name, f"{name} {outcome}")


def _await(watch: Watch, timeline: Timeline, *states: str) -> None:
    """Wait until each alert has been in each of these states: pending, firing, or resolved, which is neither."""
    missing = [(name, state) for state in states for name in watch.drill.alerts]

    def all_seen() -> bool:
        now = watch.active()
        for name, state in list(missing):
            seen = now.get(name, RESOLVED)
            # An alert with no time to wait is never pending.
            if seen == state or (state, seen) == ("pending", "firing"):
                missing.remove((name, state))
                timeline.note(f"{name} {state}")
        return not missing

    watch.wait(all_seen, lambda: ", ".join(f"{name} not {state}" for name, state in missing))


def _await_told(watch: Watch, timeline: Timeline) -> set[str]:
    """Wait until each alert was told of or is inhibited, and return those that were told of."""
    told: set[str] = set()
    inhibited: set[str] = set()

    def all_settled() -> bool:
        for name in sorted(watch.told("firing", timeline.began) - told):
            told.add(name)
            timeline.note(f"{name} told")
        for name in sorted(watch.inhibited() - told - inhibited):
            inhibited.add(name)
            timeline.note(f"{name} not told, its cause is")
        return told | inhibited == set(watch.drill.alerts)

    watch.wait(all_settled, lambda: f"nobody was told of {', '.join(set(watch.drill.alerts) - told - inhibited)}")
    return told


def _await_all_clear(watch: Watch, timeline: Timeline, told: set[str]) -> None:
    """Wait until whoever was told of an alert was told of its end as well."""
    watch.wait(
        lambda: told <= watch.told("resolved", timeline.began),
        lambda: f"nobody was told of the end of an alert of {watch.drill.name}",
    )
    timeline.note("all clear told")
