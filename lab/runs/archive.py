"""Runs that were made: what the file of each says, its ledger, and its report."""

import json
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.paths import REPORTS
from lab.prometheus import Api
from lab.runs.ledger import books
from lab.runs.ledger.snapshot import Snapshot
from lab.runs.ledger.stored import Prometheus
from lab.runs.report import page
from lab.runs.report.page import Run
from lab.runs.report.timeline import timeline
from lab.runtimes import services
from lab.runtimes.base import Runtime

#: Seconds after a run's end by which the Pushgateway has been told of it.
TOLD_SECONDS = 2


def read(runtime: Runtime, file: Path) -> Run:
    """Return a run by its file, with its books balanced.

    Raises LabError when the file is none of a run whose books were kept.
    """
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        opening, closing = (Snapshot.from_json(result["books"][name]) for name in ("opening", "closing"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"{file} holds no run with its books ({type(error).__name__}): `make load` writes one."
        ) from error
    ledger = books.balance(Prometheus(runtime.url(services.named("prometheus"), "")), opening, closing, result)
    return Run(file, result, ledger)


def report(runtime: Runtime, shown: Sequence[Run]) -> Path:
    """Write the report of a run, or of two side by side, beside the first one's file and return where it is.

    A run that has just ended is reported on once Prometheus has what was told of its end. When Prometheus does not
    answer, the report says so and has what the run itself knows.
    """
    url = runtime.url(services.named("prometheus"), "")
    Prometheus(url).first_scrape("pushgateway", max(run.end for run in shown) + TOLD_SECONDS)
    names = [run.file.stem for run in shown]
    file = shown[0].file.with_name(f"{'-and-'.join(names)}.html")
    page.write(file, shown, Api(url), runtime.provides)
    return file


def alerts(runtime: Runtime, run: Run) -> str:
    """Say in a sentence which alerts fired during a run."""
    return timeline(Api(runtime.url(services.named("prometheus"), "")), run.span).message


def last() -> Path:
    """Return the file of the run that started last; raises LabError when there is none."""
    found = list(REPORTS.glob("load-*.json"))
    if not found:
        raise LabError("there was no run yet: `make load` makes one.")
    return max(found, key=_started)


def _started(file: Path) -> tuple[float, str]:
    """Return when a run started, by its file, and the file's name; a file that is none of a run counts as the oldest.

    Not by the name alone: files of earlier versions are named in the local time of their run.
    """
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["start"]), file.name
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0, file.name
