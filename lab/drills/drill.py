"""Run a drill: inject a fault under load, wait for its alerts to fire and resolve, and time each step."""

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

REVERTED, RESOLVED = "fault reverted", "resolved"
#: Seconds of load before the fault is injected.
CALM_SECONDS = 15
#: Seconds to wait for another `make` command that is starting or stopping services.
PATIENCE_SECONDS = 60


@dataclass
class Timeline:
    """A drill's steps so far, in seconds since the fault began."""

    #: When the fault began, in Unix time.
    began: float = field(default_factory=time.time)
    #: The same moment on the monotonic clock.
    _began: float = field(default_factory=time.monotonic)
    steps: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Record a step that happened now, and print it."""
        seconds = time.monotonic() - self._began
        self.steps.append((seconds, what))
        click.echo(f"  {seconds:6.1f} s  {what}")

    def rows(self, drill: Drill) -> Iterator[tuple[str, str, str]]:
        """Yield each alert with the time from the fault until it fired, and from the revert until it resolved."""
        when = {what: seconds for seconds, what in self.steps}
        for name in drill.alerts:
            fired, resolved = when[f"{name} firing"], when[f"{name} {RESOLVED}"] - when[REVERTED]
            yield name, f"{fired:.0f} s", f"{resolved:.0f} s"


def run_drill(runtime: Runtime, drill: Drill) -> Timeline:
    """Run a drill under load and return its timeline.

    The fault is always reverted, even after Ctrl-C. Raises LabError if the runtime lacks what the drill needs, if one
    of its alerts is still active before the fault, if one does not fire or resolve in time, or if the load run's ledger
    has a difference.
    """
    runtime.require_running()
    if missing := set(drill.needs) - runtime.provides:
        raise LabError(
            f"the drill {drill.name} cannot run on {runtime.name}, which has no {' and no '.join(sorted(missing))}."
        )
    watch = Watch(runtime, drill)
    click.echo(f"\n{drill.name}: {drill.what}")
    if earlier := watch.active():
        click.echo(f"  waiting for alerts from an earlier problem to resolve: {', '.join(earlier)} …")
    watch.wait(lambda: not watch.active(), lambda: f"an alert for {drill.name} was still active")
    with running_load(runtime, CALM_SECONDS):
        timeline = Timeline()
        with injected(runtime, drill.fault, drill.name, drill.what, lambda: timeline.note(REVERTED)):
            timeline.note("fault injected")
            _await(watch, timeline, "pending", "firing")
            click.echo(f"            see the panel {drill.panel}, and {', '.join(watch.runbooks())}")
            notified = _await_notifications(watch, timeline)
        click.echo(f"            waiting for {', '.join(drill.alerts)} to resolve …")
        _await(watch, timeline, RESOLVED)
        _await_resolved_notifications(watch, timeline, notified)
    return timeline


@contextmanager
def injected(
    runtime: Runtime, fault: Fault, name: str, what: str, reverted: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Inject a fault for the duration of the block, annotate the dashboards, and call ``reverted`` after the revert.

    The fault is always reverted, and signals are ignored during the revert. A fault that fails to start cleans up after
    itself.
    """
    events.push(runtime, "drill", "start", name, f"{name} started: {what}")
    outcome = "failed to start"
    try:
        with ExitStack() as stack:
            with runtime.patient(PATIENCE_SECONDS):
                stack.enter_context(fault(runtime))
            try:
                yield
            finally:
                outcome = "could not be reverted"
                with signals.ignored(), runtime.patient(PATIENCE_SECONDS):
                    stack.close()
                outcome = "was reverted"
                reverted()
    finally:
        events.push(runtime, "drill", "end", name, f"{name} {outcome}")


def _await(watch: Watch, timeline: Timeline, *states: str) -> None:
    """Wait until each alert has been in each of these states: pending, firing, or resolved (neither of the two)."""
    missing = [(name, state) for state in states for name in watch.drill.alerts]

    def all_seen() -> bool:
        now = watch.active()
        for name, state in list(missing):
            seen = now.get(name, RESOLVED)
            # An alert without `for` is never pending.
            if seen == state or (state, seen) == ("pending", "firing"):
                missing.remove((name, state))
                timeline.note(f"{name} {state}")
        return not missing

    watch.wait(all_seen, lambda: ", ".join(f"{name} was not {state}" for name, state in missing))


def _await_notifications(watch: Watch, timeline: Timeline) -> set[str]:
    """Wait until each alert is inhibited or its notification has been sent, and return the notified alerts."""
    notified: set[str] = set()
    inhibited: set[str] = set()

    def all_settled() -> bool:
        for name in sorted(watch.notified("firing", timeline.began) - notified):
            notified.add(name)
            timeline.note(f"{name} notification sent")
        for name in sorted(watch.inhibited() - notified - inhibited):
            inhibited.add(name)
            timeline.note(f"{name} inhibited by the alert for its cause")
        return notified | inhibited == set(watch.drill.alerts)

    def missing() -> str:
        return ", ".join(sorted(set(watch.drill.alerts) - notified - inhibited))

    watch.wait(all_settled, lambda: f"no notification was sent for {missing()}")
    return notified


def _await_resolved_notifications(watch: Watch, timeline: Timeline, notified: set[str]) -> None:
    """Wait until a resolved notification has been sent for each notified alert."""

    def missing() -> set[str]:
        return notified - watch.notified("resolved", timeline.began)

    watch.wait(
        lambda: not missing(),
        lambda: f"no resolved notification was sent for {', '.join(sorted(missing()))}",
    )
    timeline.note("resolved notifications sent")
