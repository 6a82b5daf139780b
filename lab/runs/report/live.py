"""A live dashboard page: the report's panels, with data from Prometheus's API for a time range that ends now.

The notification receiver serves the page. Every few seconds, the page requests new results for the panels in view.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from grafana.defaults import DEFAULT_RANGE, RANGES
from lab.dashboards import answers, model, span
from lab.dashboards.model import Dashboard, Panel
from lab.errors import LabError
from lab.prometheus import Api, Refused
from lab.runs.report import drawing, resources, timeline
from lab.runs.report.drawing import Drawn

#: If Prometheus hangs, a live page cannot wait as long as a report can.
TIMEOUT_SECONDS = 5
#: Seconds after which no further panel is queried. With the last query's timeout, the browser's 15 s are not exceeded.
PATIENCE_SECONDS = 8
TOO_SLOW = {"state": "failed", "message": "Prometheus is too slow to query this panel as well."}
#: The content types of the files that the page loads, by file extension.
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css"}
WAITING = {"state": "waiting", "message": ""}
RUNBOOK = re.compile(r"docs/runbooks/(\w+)\.md")
#: Characters with a special meaning in a regular expression.
SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


@dataclass(frozen=True)
class View:
    """The view that a page's URL selects, with the same parameters as in Grafana: ``from=now-15m&var-job=nginx``."""

    dashboard: Dashboard
    range: str
    #: The selected values of each variable. For a variable that is missing here, all values are selected.
    values: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, dashboard: Dashboard, query: str) -> "View":
        """Parse the query string of a URL. Invalid parameters are ignored."""
        asked = parse_qs(query)
        chosen = asked.get("from", [DEFAULT_RANGE])[0]
        values = {name: asked[f"var-{name}"] for name in dashboard.variables if f"var-{name}" in asked}
        return cls(
            dashboard,
            chosen if chosen in RANGES else DEFAULT_RANGE,
            {name: given for name, given in values.items() if "$__all" not in given},
        )

    @property
    def chosen(self) -> dict[str, str]:
        """The text that replaces each variable in a query: a regular expression, escaped for use in a PromQL string."""
        given = {name: "|".join(map(_matching, values)) for name, values in self.values.items()}
        return answers.all_chosen(self.dashboard) | given

    def span(self) -> span.Span:
        """Return the time range, which ends now."""
        return span.last(self.range, time.time())


class Live:
    """Live dashboards with data from the Prometheus server at ``url``."""

    def __init__(self, url: str) -> None:
        self._url = url

    def page(self, uid: str, query: str) -> str | None:
        """Return a dashboard's page for a URL with this query string, or None if there is no such dashboard."""
        shown = model.find(uid)
        if not shown:
            return None
        view = View.of(shown, query)
        now = view.span()
        problem, offered = "", dict.fromkeys(shown.variables, ())
        try:
            offered = self._offered(view)
        except LabError as error:
            problem = error.message
        outline = drawing.outline(shown, lambda panel: _waiting(view, panel, now))
        return resources.TEMPLATES.get_template("live.html.j2").render(
            dashboard=outline,
            dashboards=model.load(),
            ranges=list(RANGES.items()),
            range=view.range,
            variables=[_select(view, name, values) for name, values in offered.items()],
            problem=problem,
            document=resources.embedded({"runs": [_run(now, [])], "dashboards": [outline]}),
        )

    def data(self, uid: str, query: str) -> dict[str, Any] | None:
        """Return the results for the panels named in the query string, or None if there is no such dashboard.

        If Prometheus does not respond, the only key is ``problem``, with a sentence that says so.
        """
        shown = model.find(uid)
        if not shown:
            return None
        view = View.of(shown, query)
        wanted = set(",".join(parse_qs(query).get("panels", [])).split(","))
        api, now, chosen, panels = self._api(), view.span(), view.chosen, {}
        began = time.monotonic()
        try:
            # The cheapest query possible: does Prometheus respond at all?
            api.query("vector(1)", now.end)
            events = timeline.events(api, now)
        except LabError as error:
            return {"problem": error.message}
        for panel in shown.panels:
            if (key := f"{shown.uid}-{panel.id}") in wanted:
                slow = time.monotonic() - began > PATIENCE_SECONDS
                # With an Api of its own, a panel whose query takes too long does not affect the others.
                panels[key] = TOO_SLOW if slow else _result(self._api(), view, panel, now, chosen)
        return {"run": _run(now, events), "panels": panels}

    @staticmethod
    def first() -> str:
        """Return the uid of the dashboard to show first."""
        return model.load()[0].uid

    @staticmethod
    def asset(name: str) -> tuple[str, str] | None:
        """Return a file that the page loads and its content type, or None if there is no such file."""
        file = resources.FOLDER / name
        if not re.fullmatch(r"(js/)?[a-z]+(\.min)?\.(js|css)", name) or not file.is_file():
            return None
        return resources.text(name), CONTENT_TYPES[file.suffix]

    def _api(self) -> Api:
        return Api(self._url, timeout=TIMEOUT_SECONDS)

    def _offered(self, view: View) -> dict[str, list[str]]:
        """Return each variable's values in the time range, given the selected values of the other variables."""
        api, now, offered = self._api(), view.span(), {}
        for name, query in view.dashboard.variables.items():
            try:
                offered[name] = answers.values_of(api, query, now, view.chosen)
            except Refused:
                offered[name] = []
        return offered


def _waiting(view: View, panel: Panel, now: span.Span) -> Drawn:
    form, problem = drawing.form(view.dashboard, panel, now, view.chosen)
    links = [{"title": f"Runbook: {name}", "url": f"/runbooks/{name}"} for name in RUNBOOK.findall(form["description"])]
    return {**form, "links": [*form["links"], *links], "results": [problem or WAITING]}


def _result(api: Api, view: View, panel: Panel, now: span.Span, chosen: Mapping[str, str]) -> Drawn:
    _, problem = drawing.form(view.dashboard, panel, now, chosen)
    found = problem or drawing.result(api, panel, now, chosen, set(panel.needs))
    if found["state"] == "empty" and panel.needs:
        needed = " and ".join(panel.needs)
        return {"state": "empty", "message": f"No data in this time range. This panel needs {needed}."}
    return found


def _run(now: span.Span, events: Sequence[Mapping]) -> dict[str, Any]:
    """Return the time range as a single run that spans it, which is the form that the script expects."""
    edges = {"start": now.start, "from": now.start, "end": now.end, "to": now.end}
    return {"name": "", **edges, "annotations": list(events)}


def _select(view: View, name: str, values: Sequence[str]) -> dict[str, Any]:
    given = view.values.get(name, [""])
    # A selected value that no longer exists is still shown as selected.
    options = dict.fromkeys([*values, *filter(None, given)])
    return {
        "name": name,
        "label": name.capitalize(),
        "options": [("", "All"), *((each, each) for each in options)],
        "chosen": given[0],
    }


def _matching(value: str) -> str:
    """Return a regular expression that matches exactly this value, escaped for use in a PromQL string."""
    return SPECIAL.sub(r"\\\g<0>", value).replace("\\", "\\\\").replace('"', '\\"')
