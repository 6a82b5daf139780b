"""Finished load runs: read their result files, and build their ledgers and reports."""

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

#: The end event is pushed to the Pushgateway within this many seconds after the end of a run.
PUSH_SECONDS = 2


def read(runtime: Runtime, file: Path) -> Run:
    """Return the run in a result file, with its ledger.

    Raises LabError if the file is not a load run result with its two snapshots.
    """
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        opening, closing = (Snapshot.from_json(result["books"][name]) for name in ("opening", "closing"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(f"{file} is not a load run result ({type(error).__name__}): `make load` writes one.") from error
    prometheus = Prometheus(runtime.url(services.named("prometheus"), ""), runtime.labels)
    return Run(file, result, books.balance(prometheus, opening, closing, result))


def report(runtime: Runtime, shown: Sequence[Run]) -> Path:
    """Write the report on one run, or on two side by side, next to the first run's result file, and return its path.

    Waits until Prometheus has scraped the end event of a run that has just finished. If Prometheus does not respond,
    the report says so and shows only the data from the run itself.
    """
    url = runtime.url(services.named("prometheus"), "")
    finished = max(run.end for run in shown)
    Prometheus(url, runtime.labels).first_scrape("pushgateway", finished + PUSH_SECONDS)
    names = [run.file.stem for run in shown]
    file = shown[0].file.with_name(f"{'-and-'.join(names)}.html")
    page.write(file, shown, Api(url), runtime.provides)
    return file


def alerts(runtime: Runtime, run: Run) -> str:
    """Return a sentence about the alerts that fired during a run."""
    return timeline(Api(runtime.url(services.named("prometheus"), "")), run.span).message


def last() -> Path:
    """Return the result file of the load run that started last. Raises LabError if there is none."""
    found = list(REPORTS.glob("load-*.json"))
    if not found:
        raise LabError("there has been no load run yet: `make load` starts one.")
    return max(found, key=_started)


def _started(file: Path) -> tuple[float, str]:
    """Return a run's start time and file name as a sort key. Files without a run come first.

    The name alone is not enough, because earlier versions named files in local time.
    """
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["start"]), file.name
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0, file.name
