"""A drill from its first request to the last alert that is resolved, with the second of each step."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import click

from lab import signals
from lab.alerts import notifications
from lab.drills.catalogue import Drill
from lab.drills.faults import Fault
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, shown
from lab.runs import archive, events
from lab.runs.ledger import text
from lab.runtimes.base import Runtime
from lab.runtimes.services import part

MENDED, RESOLVED = "mended", "resolved"
#: Seconds that people shop before anything breaks.
CALM_SECONDS = 15
#: Seconds that the load may go on; it is stopped when the drill is over.
LONGEST_SECONDS = 10_800
#: Seconds that the load has to end and to close its books.
CLOSING_SECONDS = 150
#: Seconds that the shop has to get over an earlier trouble: uWSGI works off its queue to the end.
RECOVERY_SECONDS = 300
#: Seconds that a mend waits for another `make` that starts or stops a part.
MEND_PATIENCE_SECONDS = 60


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
            fired, resolved = when[f"{name} firing"], when[f"{name} {RESOLVED}"] - when[MENDED]
            yield name, f"{fired:.0f} s", f"{resolved:.0f} s"


def run(runtime: Runtime, drill: Drill) -> Timeline:
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
    with shopping(runtime, CALM_SECONDS):
        timeline = Timeline()
        with broken(runtime, drill.fault, drill.name, drill.what, lambda: timeline.note(MENDED)):
            timeline.note("the fault is there")
            _await(watch, timeline, "pending", "firing")
            click.echo(f"            look at {drill.panel}, and at {', '.join(watch.runbooks())}")
            told = _await_told(watch, timeline)
        _await(watch, timeline, RESOLVED)
        _await_all_clear(watch, timeline, told)
    return timeline


@contextmanager
def broken(
    runtime: Runtime, fault: Fault, name: str, what: str, mended: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """A lab with a fault in it, which the dashboards are told of; call ``mended`` when it has been mended.

    It is mended whatever happens, and no signal is heeded while it is. One that fails in its beginning mends itself.
    """
    events.tell(runtime, "drill", "start", name, f"{name} begins: {what}")
    outcome = "did not begin"
    try:
        with ExitStack() as stack:
            with runtime.patient(MEND_PATIENCE_SECONDS):
                stack.enter_context(fault(runtime))
            try:
                yield
            finally:
                outcome = "could not be mended"
                with signals.unheeded(), runtime.patient(MEND_PATIENCE_SECONDS):
                    stack.close()
                outcome = "is mended"
                mended()
    finally:
        events.tell(runtime, "drill", "end", name, f"{name} {outcome}")


class Watch:
    """What is known of a drill's alerts at this moment: to Prometheus, to Alertmanager, and to who is told."""

    def __init__(self, runtime: Runtime, drill: Drill) -> None:
        self._runtime = runtime
        self.drill = drill

    def _firing(self) -> set[str]:
        return {
            each["labels"]["alertname"] for each in notifications.firing(self._runtime) if each["state"] == "firing"
        }

    def active(self) -> dict[str, str]:
        """Return the state of each alert that is pending or firing; firing wins."""
        found: dict[str, str] = {}
        for each in notifications.firing(self._runtime):
            name = each["labels"]["alertname"]
            if name in self.drill.alerts and found.get(name) != "firing":
                found[name] = each["state"]
        return found

    def runbooks(self) -> list[str]:
        """Return where the runbooks of the drill's alerts are that fire."""
        found = {
            each["annotations"]["runbook"]
            for each in notifications.firing(self._runtime)
            if each["labels"]["alertname"] in self.drill.alerts
        }
        return sorted(found)

    def told(self, status: str, since: float) -> set[str]:
        """Return the alerts of which somebody was told since a unix time, as ``firing`` or ``resolved``."""
        with suppress(LabError):
            return {
                alert["labels"]["alertname"]
                for each in notifications.kept(self._runtime)
                if datetime.fromisoformat(each["received"]).timestamp() >= since
                for alert in each["alerts"]
                if alert["status"] == status
            } & set(self.drill.alerts)
        return set()

    def inhibited(self) -> set[str]:
        """Return the alerts that are not told, because the alert of their cause is."""
        with suppress(LabError):
            held = notifications.held(self._runtime)
            return {each["labels"]["alertname"] for each in held if each["status"]["inhibitedBy"]} & set(
                self.drill.alerts
            )
        return set()

    def wait(self, done: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        """Wait as long as the drill may take until something is so; raises LabError with what to say otherwise."""
        deadline = time.monotonic() + self.drill.seconds
        while not done():
            if self.drill.never and (false := self._firing() & set(self.drill.never)):
                raise LabError(f"{', '.join(sorted(false))} fires, which {self.drill.name} must not bring about.")
            if time.monotonic() > deadline:
                raise LabError(f"{otherwise()}, after {self.drill.seconds} s.")
            time.sleep(0.5)


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


@contextmanager
def shopping(runtime: Runtime, calm_seconds: float) -> Iterator[None]:
    """Have people shop as in ``make load``, for so long before the block and until its end; print the ledger's verdict.

    A kill or a closed terminal ends it as Ctrl-C does, once. Raises LabError when the shop does not get over an earlier
    trouble, when people do not shop all the time, or when the ledger has a difference.
    """
    runtime.wait(lambda: runtime.answers(part("nginx")), RECOVERY_SECONDS)
    began = time.time()
    LOGS.mkdir(exist_ok=True)
    log = LOGS / "drill-load.log"
    with_this = signals.to_child_of_this(signal.SIGTERM)
    with signals.heeded_once():
        with log.open("w") as output:
            load = subprocess.Popen(
                [sys.executable, "-m", "lab", "load", "--profile=steady", f"--duration={LONGEST_SECONDS}"],
                cwd=ROOT,
                env={**os.environ, "RUNTIME": runtime.name, "LAB": str(STATE)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own, so that Ctrl-C reaches it when the lab is mended, and is heeded then.
                start_new_session=True,
                preexec_fn=lambda: (signal.signal(signal.SIGINT, signal.SIG_DFL), with_this()),
            )
        try:
            time.sleep(calm_seconds)
            _expect_shopping(load, log)
            yield
            _expect_shopping(load, log)
        finally:
            _end(runtime, load)
    file = archive.last()
    if file.stat().st_mtime < began:
        raise LabError(f"the load kept no books: {shown(log)} says why.")
    ledger = archive.read(runtime, file).ledger
    click.echo(f"\n{text.verdict(ledger)}\nReport: {shown(file.with_suffix('.html'))} (make report, make ledger)")
    if ledger.verdict == "different":
        raise LabError("the ledger of the load has a difference, which the fault does not explain.")


def _expect_shopping(load: subprocess.Popen, log: Path) -> None:
    if load.poll() is not None:
        raise LabError(f"nobody shops any more: {shown(log)} says why.")


def _end(runtime: Runtime, load: subprocess.Popen) -> None:
    # One that could not begin is not to take another load with it.
    if load.poll() is not None:
        return
    runtime.interrupt(load)
    try:
        load.wait(CLOSING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(load.pid, signal.SIGKILL)
        load.wait()
