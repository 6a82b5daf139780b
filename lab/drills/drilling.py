"""A drill from its first request to the last alert that is resolved, with the second of each step."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import click
import requests

from lab import events, local
from lab.drills.table import Drill
from lab.errors import LabError
from lab.parts import part
from lab.paths import LOGS, ROOT
from lab.prometheus import Api
from lab.runtime import Runtime

MENDED = "mended"
#: Seconds that people shop before anything breaks.
CALM_SECONDS = 15
#: Seconds that the load may go on; it is stopped when the drill is over.
LONGEST_SECONDS = 900
#: Seconds that the load has to end and to close its books.
CLOSING_SECONDS = 150


@dataclass
class Timeline:
    """What happened when, in seconds since the fault began, and what of the alerts is still to come."""

    began: float = field(default_factory=time.time)
    steps: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Put down that something happened now, and say so."""
        seconds = time.time() - self.began
        self.steps.append((seconds, what))
        click.echo(f"  {seconds:6.1f} s  {what}")

    def rows(self, drill: Drill) -> Iterator[tuple[str, str, str]]:
        """Yield each alert with the seconds from the fault to its firing, and from the mend to its end."""
        when = {what: seconds for seconds, what in self.steps}
        for name in drill.alerts:
            fired, resolved = when[f"{name} firing"], when[f"{name} resolved"] - when[MENDED]
            yield name, f"{fired:.0f} s", f"{resolved:.0f} s"


def run(runtime: Runtime, drill: Drill) -> Timeline:
    """Run a drill under load and return its timeline.

    The lab is mended whatever happens, after Ctrl-C too. Raises LabError when the runtime lacks what the drill needs,
    when one of its alerts fires before the fault, or when one does not fire or is not resolved in time.
    """
    if not runtime.is_running():
        raise LabError("the lab is not running: start it with `make up`.")
    if missing := set(drill.needs) - runtime.provides:
        raise LabError(f"{drill.name} is not for {runtime.name}: it needs {', '.join(sorted(missing))}.")
    watch = Watch(runtime)
    watch.wait(lambda: not watch.active(drill), drill.seconds, f"an alert of {drill.name} fires already")
    click.echo(f"\n{drill.name}: {drill.what}")
    with shopping(runtime):
        time.sleep(CALM_SECONDS)
        timeline = Timeline()
        events.tell(runtime, "drill", "start", drill.name, f"{drill.name} begins: {drill.what}")
        with drill.fault(runtime):
            timeline.note("the fault is there")
            for state in ("pending", "firing"):
                _await(watch, drill, timeline, state)
            told = _await_told(watch, drill, timeline)
        timeline.note(MENDED)
        events.tell(runtime, "drill", "end", drill.name, f"{drill.name} is mended")
        _await(watch, drill, timeline, "")
        _await_all_clear(watch, drill, timeline, told)
    return timeline


class Watch:
    """What Prometheus and Alertmanager know of alerts at this moment, and what the receiver was told of them."""

    def __init__(self, runtime: Runtime) -> None:
        self._api = Api(runtime.url(part("prometheus"), ""))
        self._alertmanager = runtime.url(part("alertmanager"), "/api/v2/alerts")
        self._receiver = runtime.url(part("receiver"), "/notifications")

    def active(self, drill: Drill) -> dict[str, str]:
        """Return the state of each alert of a drill that is pending or firing; firing wins."""
        found: dict[str, str] = {}
        for each in self._api.get("alerts")["alerts"]:
            name = each["labels"]["alertname"]
            if name in drill.alerts and found.get(name) != "firing":
                found[name] = each["state"]
        return found

    def told(self, drill: Drill, status: str, since: float) -> set[str]:
        """Return the alerts of a drill of which the receiver was told since then, as ``firing`` or ``resolved``."""
        return {
            alert["labels"]["alertname"]
            for each in _kept(self._receiver)
            if datetime.fromisoformat(each["received"]).timestamp() >= since
            for alert in each["alerts"]
            if alert["status"] == status
        } & set(drill.alerts)

    def inhibited(self, drill: Drill) -> set[str]:
        """Return the alerts of a drill that are not told, because the alert of their cause is."""
        return {
            each["labels"]["alertname"] for each in _kept(self._alertmanager) if each["status"]["inhibitedBy"]
        } & set(drill.alerts)

    @staticmethod
    def wait(done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Wait until something is so; raises LabError with what to say otherwise."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise LabError(f"{otherwise}, after {seconds:g} s.")
            time.sleep(0.5)


def _await(watch: Watch, drill: Drill, timeline: Timeline, state: str) -> None:
    """Wait until each alert of a drill has been in a state; the empty one is to be neither pending nor firing."""
    missing = list(drill.alerts)

    def all_seen() -> bool:
        now = watch.active(drill)
        for name in list(missing):
            # An alert with no time to wait is never pending.
            if now.get(name, "") in ({state, "firing"} if state else {""}):
                missing.remove(name)
                timeline.note(f"{name} {state or 'resolved'}")
        return not missing

    try:
        watch.wait(all_seen, drill.seconds, "")
    except LabError as error:
        what = f"not {state}" if state else "still active"
        raise LabError(f"{', '.join(missing)} {what} {drill.seconds} s later: see docs/runbooks/.") from error


def _kept(url: str) -> list[dict]:
    """Return the list that is at an address; an empty one while nobody answers there."""
    with suppress(requests.RequestException):
        return local.get(url, timeout=5).json()
    return []


def _await_told(watch: Watch, drill: Drill, timeline: Timeline) -> set[str]:
    """Wait until each alert was told of or is inhibited, and return those that were told of."""
    told: set[str] = set()
    inhibited: set[str] = set()

    def all_settled() -> bool:
        for name in sorted(watch.told(drill, "firing", timeline.began) - told):
            told.add(name)
            timeline.note(f"{name} told")
        for name in sorted(watch.inhibited(drill) - told - inhibited):
            inhibited.add(name)
            timeline.note(f"{name} not told, its cause is")
        return told | inhibited == set(drill.alerts)

    watch.wait(all_settled, drill.seconds, f"nobody was told of an alert of {drill.name}")
    return told


def _await_all_clear(watch: Watch, drill: Drill, timeline: Timeline, told: set[str]) -> None:
    """Wait until whoever was told of an alert was told of its end as well."""
    watch.wait(
        lambda: told <= watch.told(drill, "resolved", timeline.began),
        drill.seconds,
        f"nobody was told of the end of an alert of {drill.name}",
    )
    timeline.note("all clear told")


@contextmanager
def shopping(runtime: Runtime) -> Iterator[None]:
    """Have people shop as in ``make load`` until the end of the block, and print the ledger of it."""
    LOGS.mkdir(exist_ok=True)
    log = LOGS / "drill-load.log"
    environment = {**os.environ, "RUNTIME": runtime.name, "PROFILE": "steady", "DURATION": str(LONGEST_SECONDS)}
    with log.open("w") as output:
        load = subprocess.Popen(
            [sys.executable, "-m", "lab", "load"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A group of its own, so that Ctrl-C reaches it when the lab is mended, and is heeded then.
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        yield
        if load.poll() is not None:
            raise LabError(f"the load ended before the drill did: {log} says why.")
    finally:
        _end(runtime, load)
    click.echo("\n" + _ledger(log.read_text(encoding="utf-8", errors="replace")))


def _end(runtime: Runtime, load: subprocess.Popen) -> None:
    runtime.interrupt(load)
    try:
        load.wait(CLOSING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(load.pid, signal.SIGKILL)
        load.wait()


def _ledger(said: str) -> str:
    """Return what a load said of its ledger's verdict."""
    lines = [line for line in said.splitlines() if line.startswith(("LEDGER", "not exact", "  ", "note"))]
    return "\n".join(lines[-4:]) or "The load kept no ledger."
