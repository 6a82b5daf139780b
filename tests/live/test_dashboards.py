"""Each panel of the dashboards shows something after a load."""

import json

import pytest

from lab.paths import ROOT

#: What a panel that reads this job needs.
NEEDS = {'job="postgres"': "postgres", 'job="redis"': "redis"}
PANELS = [
    pytest.param(target["expr"], id=f"{dashboard['title']}: {panel['title']} {target['refId']}")
    for file in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
    for dashboard in [json.loads(file.read_text())]
    for panel in dashboard["panels"]
    for target in panel["targets"]
]


@pytest.mark.parametrize("expression", PANELS)
def test_a_panel_shows_something_after_a_load(observer, runtime, shopped, expression):
    missing = {need for selector, need in NEEDS.items() if selector in expression} - runtime.provides
    if missing:
        pytest.skip(f"not on {runtime.name}: needs {', '.join(sorted(missing))}")

    # Four scrapes, as Grafana makes of $__rate_interval with a scrape interval of 5 s.
    assert observer.query(expression.replace("$__rate_interval", "20s"), at=shopped["after"])
