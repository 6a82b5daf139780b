"""A `make load` in a process of its own, beside a drill or a game."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lab import signals
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, shown
from lab.runs import archive
from lab.runs.ledger import text
from lab.runtimes import services
from lab.runtimes.base import Runtime

#: Seconds that the load may go on; it is stopped when the drill is over.
LONGEST_SECONDS = 10_800
#: Seconds that the load has to end and to close its books.
CLOSING_SECONDS = 150
#: Seconds that the shop has to get over an earlier trouble: uWSGI works off its queue to the end.
RECOVERY_SECONDS = 300


@contextmanager
def running_load(runtime: Runtime, calm_seconds: float) -> Iterator[None]:
    """Have people shop as in ``make load``, for so long before the block and until its end; print the ledger's verdict.

    A kill or a closed terminal ends it as Ctrl-C does, once. Raises LabError when the shop does not get over an earlier
    trouble, when people do not shop all the time, or when the ledger has a difference.
    """
    runtime.wait(lambda: runtime.answers(services.named("nginx")), RECOVERY_SECONDS)
    began = time.time()
    LOGS.mkdir(exist_ok=True)
    log = LOGS / "drill-load.log"
    with_this = signals.to_child_of_this(signal.SIGTERM)
    with signals.handled_once():
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
            _require_running(load, log)
            yield
            _require_running(load, log)
        finally:
            _end(runtime, load)
    file = archive.last()
    if file.stat().st_mtime < began:
        raise LabError(f"the load kept no books: {shown(log)} says why.")
    ledger = archive.read(runtime, file).ledger
    click.echo(f"\n{text.verdict(ledger)}\nReport: {shown(file.with_suffix('.html'))} (make report, make ledger)")
    if ledger.verdict == "different":
        raise LabError("the ledger of the load has a difference, which the fault does not explain.")


def _require_running(load: subprocess.Popen, log: Path) -> None:
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
