"""Run `make load` in a separate process during a drill or a game."""

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

#: The maximum duration of the load run, which is stopped when the drill is over.
LONGEST_SECONDS = 10_800
#: Timeout in seconds for the load run to stop and to take its closing snapshot.
CLOSING_SECONDS = 150
#: Timeout in seconds for the shop to recover from an earlier problem. uWSGI first processes its whole queue.
RECOVERY_SECONDS = 300


@contextmanager
def running_load(runtime: Runtime, calm_seconds: float) -> Iterator[None]:
    """Run ``make load`` during the block and ``calm_seconds`` before it. At the end, print the ledger's verdict.

    SIGTERM and SIGHUP stop it like Ctrl-C and are handled only once. Raises LabError if the shop does not recover from
    an earlier problem, if the load run stops early, or if the ledger has a difference.
    """
    runtime.wait(lambda: runtime.answers(services.named("nginx")), RECOVERY_SECONDS)
    began = time.time()
    LOGS.mkdir(exist_ok=True)
    log = LOGS / "drill-load.log"
    with signals.handled_once():
        with log.open("w") as output, signals.starting_child(signal.SIGTERM) as with_this:
            load = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "lab",
                    "load",
                    "--profile=steady",
                    f"--duration={LONGEST_SECONDS}",
                    "--until-stopped",
                ],
                cwd=ROOT,
                env={**os.environ, "RUNTIME": runtime.name, "LAB": str(STATE)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A process group of its own: Ctrl-C must not stop it before the fault has been reverted.
                start_new_session=True,
                preexec_fn=lambda: (signal.signal(signal.SIGINT, signal.SIG_DFL), with_this()),
            )
        try:
            time.sleep(calm_seconds)
            _require_running(load, log)
            yield
            _require_running(load, log)
        finally:
            _stop(runtime, load)
    file = archive.last()
    if file.stat().st_mtime < began:
        raise LabError(f"the load run did not write a result: see {shown(log)}.")
    ledger = archive.read(runtime, file).ledger
    click.echo(f"\n{text.verdict(ledger)}\nReport: {shown(file.with_suffix('.html'))} (make report, make ledger)")
    if ledger.verdict == "different":
        raise LabError("the load run's ledger has a difference that the fault does not explain.")


def _require_running(load: subprocess.Popen, log: Path) -> None:
    if load.poll() is not None:
        raise LabError(f"the load run has stopped: see {shown(log)}.")


def _stop(runtime: Runtime, load: subprocess.Popen) -> None:
    # A load run that failed to start must not stop another one.
    if load.poll() is not None:
        return
    runtime.interrupt(load)
    try:
        load.wait(CLOSING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(load.pid, signal.SIGKILL)
        load.wait()
