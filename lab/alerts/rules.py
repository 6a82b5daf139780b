"""Generate Prometheus's rules from the tables of alerts and objectives.

The burn rate alerts follow the Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts". A burn rate
of 1 uses up the error budget of a 30-day period in exactly 30 days.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

import yaml

from lab import times
from lab.alerts.definitions import UNITS, Alert, Objective, alerts, objectives
from lab.paths import ROOT

RULES = ROOT / "prometheus" / "rules"
PRODUCTION = ROOT / "prometheus" / "production"
#: The links in each alert. Prometheus expands both base URLs from its external_labels.
RUNBOOK_URL = "{{{{ $externalLabels.runbooks_url }}}}/{}"
DASHBOARD_URL = "{{{{ $externalLabels.dashboards_url }}}}/{}"
#: All error budget alerts share this runbook, because the response is the same for each objective.
BURN_RUNBOOK = "ErrorBudgetBurn"
PERIOD = "30d"
#: For each severity: burn rates, each with the long and the short window over which it must be exceeded.
BURNS = {
    "page": ((14.4, "1h", "5m"), (6, "6h", "30m")),
    "ticket": ((3, "1d", "2h"), (1, "3d", "6h")),
}
SPEED = {"page": "Fast", "ticket": "Slow"}
#: Pages fire at once. Tickets wait half an hour. In a new system, a window of several days only covers the time since
#: the system started. Without the wait, a few failures during startup would create a ticket.
HOLDS = {"page": "0s", "ticket": "30m"}
ADVERBS = {"page": "fast", "ticket": "slowly"}
#: The shortest window, over which rates are computed.
BASE = "5m"
RATIO = "slo:error_ratio:rate"
#: For each prefix of counter names: the metric with the time at which the exporter started counting.
STARTS = {
    "nginx_http_": "nginx_access_log_start_time_seconds",
    "django_": "pomar_counters_start_time_seconds",
    "pomar_": "pomar_counters_start_time_seconds",
}
FROM_ZERO = re.compile(
    rf"(?P<function>rate|increase)_from_zero\((?P<series>(?P<source>{'|'.join(STARTS)})\w*(?:{{[^}}]*}})?)\[(?P<window>\w+)]\)"
)
HEAD = "# Generated from prometheus/{} by `make generate`{}.\n"


def files() -> dict[Path, str]:
    """Return the content of each generated rule file."""
    found = {}
    for folder, factor, note in (
        (RULES, times.LAB_FACTOR, f", with all times {times.LAB_FACTOR} times shorter"),
        (PRODUCTION, 1, ", with production time windows"),
    ):
        of_alerts = [{"name": "alerts", "rules": [alert_rule(each, factor) for each in alerts()]}]
        of_objectives = [objective_group(each, factor) for each in objectives()]
        found[folder / "alerts.yaml"] = HEAD.format("alerts.yaml", note) + _yaml(of_alerts)
        found[folder / "objectives.yaml"] = HEAD.format("objectives.yaml", note) + _yaml(of_objectives)
    return found


def alert_rule(one: Alert, factor: int) -> dict:
    """Return an alert as a Prometheus rule, with all of its times divided by ``factor``."""
    window = times.window(one.window, factor) if one.window else ""
    expr = from_zero(Template(one.expr).safe_substitute(window=window, threshold=_number(one.threshold)))
    value, threshold = UNITS.get(one.unit, ("", str))
    # safe_substitute leaves Prometheus's own variables, such as $labels, unchanged.
    words = {
        "value": value,
        "window": window,
        "threshold": threshold(one.threshold) if one.threshold is not None else "",
    }
    rule = _rule(
        one.alert,
        expr,
        times.shortened(one.hold, factor),
        {"severity": one.severity},
        one.summary,
        Template(one.description).safe_substitute(words),
        one.dashboard,
        one.alert,
    )
    return rule | ({"keep_firing_for": times.shortened(one.keep, factor)} if one.keep else {})


def from_zero(expr: str) -> str:
    """Return an expression with ``rate_from_zero(…)`` and ``increase_from_zero(…)`` expanded to PromQL.

    The access log exporter and Django create a series when its first event occurs. ``rate`` does not count that event.
    So a series that did not exist one window ago counts from 0, provided that its exporter was already being scraped
    at that time or has started counting since. If neither is true, Prometheus itself was down and the series is not
    new.
    """

    def expanded(found: re.Match) -> str:
        series, window = found["series"], found["window"]
        length = times.seconds(window)
        start = STARTS[found["source"]]
        value = f"{series} / {length}" if found["function"] == "rate" else series
        return (
            f"{value} unless {series} offset {window}"
            f" and on (job, instance) ({start} offset {window} or {start} > time() - {length})"
            f" or {found['function']}({series}[{window}])"
        )

    return FROM_ZERO.sub(expanded, expr)


def objective_group(one: Objective, factor: int) -> dict:
    """Return the rules for an objective: rates of bad and total events, error ratios, error budget and alerts.

    Only the rules for the shortest window read the exporters' series. The rules for longer windows add up the two
    series recorded for the shortest one, so even a window of several days reads only two series.
    """
    base = times.window(BASE, factor)
    longer = sorted(
        {each for burns in BURNS.values() for _, *pair in burns for each in pair} - {BASE}, key=times.seconds
    )
    bad, total = (f"slo:{what}:rate{base}" for what in ("bad", "total"))
    selector = _selector(one)
    rules = [
        _recorded(one, bad, from_zero(Template(one.bad).safe_substitute(window=base))),
        _recorded(one, total, from_zero(Template(one.total).safe_substitute(window=base))),
        _recorded(one, f"{RATIO}{base}", f"{bad}{selector} / {total}{selector}"),
    ]
    for window in (times.window(each, factor) for each in [*longer, PERIOD]):
        sums = (f"sum_over_time({each}{selector}[{window}])" for each in (bad, total))
        rules.append(_recorded(one, f"{RATIO}{window}", " / ".join(sums)))
    of_period = f"{RATIO}{times.window(PERIOD, factor)}{selector}"
    rules.append(_recorded(one, "slo:error_budget:left", f"1 - {of_period} / {_budget(one)}"))
    rules.append(_recorded(one, "slo:target", f"vector({one.target})"))
    rules += [_burn(one, severity, factor) for severity in BURNS]
    return {"name": f"objective-{one.objective}", "rules": rules}


def _recorded(one: Objective, name: str, expr: str) -> dict:
    return {"record": name, "labels": {"objective": one.objective}, "expr": expr}


def _burn(one: Objective, severity: str, factor: int) -> dict:
    both = [
        " and ".join(
            f"{RATIO}{times.window(window, factor)}{_selector(one)} > {rate} * {_budget(one)}"
            for window in (long, short)
        )
        for rate, long, short in BURNS[severity]
    ]
    speed = SPEED[severity]
    value = UNITS["share"][0]
    allowed = f"{one.budget * 100:.3g}%"
    # In a latency objective, the bad events are slow requests. "Error ratio" would make people look for 5xx.
    actual = f"The error ratio is {value}" if one.within is None else f"{value} of requests were too slow"
    return _rule(
        f"{one.name}Burn{speed}",
        " or ".join(f"({each})" for each in both),
        times.shortened(HOLDS[severity], factor),
        {"severity": severity},
        f"The error budget of {one.objective} is burning {ADVERBS[severity]}.",
        f"{one.promise} {actual} (error budget {allowed}).",
        one.dashboard,
        BURN_RUNBOOK,
    )


def _selector(one: Objective) -> str:
    return f'{{objective="{one.objective}"}}'


def _budget(one: Objective) -> str:
    return f"{one.budget:.6g}"


def _rule(
    name: str,
    expr: str,
    hold: str,
    labels: Mapping[str, str],
    summary: str,
    description: str,
    dashboard: str,
    runbook: str,
) -> dict:
    return {
        "alert": name,
        "expr": expr,
        "for": hold,
        "labels": dict(labels),
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": RUNBOOK_URL.format(runbook),
            "dashboard_url": DASHBOARD_URL.format(dashboard),
        },
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"


def _yaml(groups: Iterable[dict]) -> str:
    return yaml.safe_dump({"groups": list(groups)}, sort_keys=False, width=110, allow_unicode=True)
