"""The report as one HTML file that needs no network, with data from a run's result file and from Prometheus."""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.dashboards import model
from lab.dashboards.span import Span
from lab.paths import write_file
from lab.prometheus import Api
from lab.runs.ledger import text as ledger_text
from lab.runs.ledger.books import Ledger
from lab.runs.report import drawing, figures, resources, timeline
from lab.runs.report.figures import Figure

#: Seconds shown before and after a run, so that its start and end are visible.
BEFORE_SECONDS, AFTER_SECONDS = 30, 20


@dataclass(frozen=True)
class Run:
    """A run to report on: its result file, the content of that file, and its ledger."""

    file: Path
    result: Mapping[str, Any]
    ledger: Ledger

    @property
    def start(self) -> float:
        """The Unix time of the first request."""
        return self.result["start"]

    @property
    def end(self) -> float:
        """The Unix time at which the last user stopped."""
        return self.result["end"]

    @cached_property
    def span(self) -> Span:
        """The panels' time range. For a run that has just finished, it ends now rather than in the future."""
        return Span(self.start - BEFORE_SECONDS, min(self.end + AFTER_SECONDS, time.time()))

    @property
    def name(self) -> str:
        """The profile and the start time."""
        began = datetime.fromtimestamp(self.start, UTC)
        return f"{self.result['profile']}, {began.day} {began:%B %Y, %H:%M:%S} UTC"


def write(file: Path, runs: Sequence[Run], api: Api, provides: Set[str]) -> None:
    """Atomically write the report on one run, or on two side by side.

    If Prometheus does not respond, the panels show that error, and the report still contains the run's own figures.
    """
    write_file(file, page(runs, api, provides))


def page(runs: Sequence[Run], api: Api, provides: Set[str]) -> str:
    """Return the report on one or two runs as HTML."""
    shown = [drawing.dashboard(api, each, [run.span for run in runs], provides) for each in model.load()]
    judged = [[*figures.of_run(run.result), *figures.measured(api, run.start, run.end, figures.JUDGED)] for run in runs]
    cost = [figures.measured(api, run.start, run.end, figures.COST) for run in runs]
    compared = [[*of_run, *costs] for of_run, costs in zip(judged, cost, strict=True)]
    return resources.TEMPLATES.get_template("page.html.j2").render(
        title=" and ".join(run.name for run in runs),
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        css=resources.text("report.css"),
        js=resources.script(),
        echarts=resources.text("echarts.min.js"),
        document=resources.embedded(_document(runs, api, shown)),
        dashboards=shown,
        runs=[_facts(run, api, of_run, costs) for run, of_run, costs in zip(runs, judged, cost, strict=True)],
        comparison=figures.changes(*compared) if len(compared) == 2 else None,
    )


def _facts(run: Run, api: Api, judged: Sequence[Figure], cost: Sequence[Figure]) -> dict[str, Any]:
    lab = run.result.get("lab", {})
    return {
        "name": run.name,
        "verdict": _verdict(run),
        "tiles": [{"label": each.label, "value": each.text, "note": each.note} for each in judged],
        "ledger": _ledger(run.ledger),
        "latency": _latency(run.ledger) if run.ledger.quantiles else None,
        "cost": [{"what": each.label, "value": each.text, "note": each.note} for each in cost],
        "alerts": timeline.timeline(api, run.span),
        "settings": [{"name": name, "value": value} for name, value in lab.get("settings", {}).items()],
        "versions": [{"name": name, "value": value} for name, value in lab.get("versions", {}).items()],
    }


def _verdict(run: Run) -> dict[str, str]:
    """Return the verdict. A run is good if no request failed and all tiers counted the same."""
    result = run.result
    seconds = figures.run_seconds(result)
    if result["problems"]:
        return {"state": "bad", "sentence": f"FAILED: {'; '.join(result['problems'])}."}
    rate = result["requests"] / seconds
    passed = f"{result['requests']:,} requests in {seconds:.0f} s ({rate:,.1f}/s), none failed"
    if run.ledger.verdict == "different":
        return {"state": "bad", "sentence": f"FAILED: {passed}, but the counts of the tiers differ; see the ledger."}
    if run.ledger.verdict == "unknown":
        return {"state": "unknown", "sentence": f"UNKNOWN: {passed}, but the counts of some tiers are unknown."}
    return {"state": "good", "sentence": f"PASSED: {passed}."}


def _ledger(ledger: Ledger) -> dict[str, Any]:
    *remarks, sentence = ledger_text.verdict(ledger).splitlines()
    return {
        "state": ledger.verdict,
        "sentence": sentence.removeprefix("LEDGER: "),
        "rows": ledger.account.rows,
        "lines": ledger.account.lines,
        "remarks": remarks,
    }


def _latency(ledger: Ledger) -> dict[str, Any]:
    head, *rows = ledger_text.times(ledger.quantiles)
    return {"head": head, "rows": rows}


def _document(runs: Sequence[Run], api: Api, shown: Sequence[dict]) -> dict[str, Any]:
    return {
        "runs": [
            {
                "name": run.name,
                "start": run.start,
                "end": run.end,
                "from": run.span.start,
                "to": run.span.end,
                "annotations": timeline.events(api, run.span),
            }
            for run in runs
        ],
        "dashboards": shown,
    }
