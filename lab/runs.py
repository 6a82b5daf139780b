"""Runs that were made: what the file of each says, its ledger, and its report."""

import json
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.ledger import books
from lab.ledger.books import Ledger
from lab.ledger.cut import Cut
from lab.ledger.prometheus import Prometheus
from lab.parts import part
from lab.paths import REPORTS
from lab.prometheus import Api
from lab.report import page
from lab.report.page import Run
from lab.runtime import Runtime

#: Seconds after a run's end by which the Pushgateway has been told of it.
TOLD_SECONDS = 2


def ledger_of(runtime: Runtime, result: Path) -> Ledger:
    """Return the ledger of a run by the file of its result.

    Raises LabError when the file is none of a run whose books were kept.
    """
    return _ledger(Prometheus(runtime.url(part("prometheus"), "")), run_of(result))


def _ledger(prometheus: Prometheus, run: dict) -> Ledger:
    opening, closing = (Cut.from_json(run["books"][name]) for name in ("opening", "closing"))
    return books.balance(prometheus, opening, closing, run)


def run_of(result: Path) -> dict:
    """Return what the file of a run says; raises LabError when it is none of a run whose books were kept."""
    try:
        run = json.loads(result.read_text(encoding="utf-8"))
        for name in ("opening", "closing"):
            Cut.from_json(run["books"][name])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"{result} holds no run with its books ({type(error).__name__}): `make load` writes one."
        ) from error
    return run


def report_of(runtime: Runtime, results: Sequence[Path]) -> Path:
    """Write the report of a run, or of two side by side, beside its file and return where it is.

    A run that has just ended is reported on once Prometheus has what was told of its end. When Prometheus does not
    answer, the report says so and has what the run itself knows. Raises LabError when a file is none of a run.
    """
    url = runtime.url(part("prometheus"), "")
    prometheus = Prometheus(url)
    runs = []
    for result in results:
        run = run_of(result)
        prometheus.first_scrape("pushgateway", run["end"] + TOLD_SECONDS)
        runs.append(Run(run, _ledger(prometheus, run)))
    names = [result.stem for result in results]
    file = results[0].with_name(f"{'-and-'.join(names)}.html")
    page.write(file, runs, Api(url), runtime.provides)
    return file


def last_result() -> Path:
    """Return the file of the newest run; raises LabError when there is none."""
    found = sorted(REPORTS.glob("load-*.json"))
    if not found:
        raise LabError("there was no run yet: `make load` makes one.")
    return found[-1]
