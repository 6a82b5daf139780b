"""Every metric in the contract exists with its type and labels, and changes when the contract says it does."""

import pytest

from lab import contract, http
from lab.runtimes.base import Runtime

ENTRIES = contract.load()
#: Labels that do not come from the exporter, but from Prometheus or a rule.
FROM_PROMETHEUS = {"__name__", "job", "instance", "namespace", "pod"}
#: Jobs for which the contract lists every metric. For other jobs, it lists only the useful metrics.
WHOLE = ("django", "uwsgi", "nginx", "nginx-log")
#: Prefixes of metrics that the contract omits: about the language runtime, the exporter's process or its HTTP handler.
NOT_PROMISED = (
    *("go_", "process_", "promhttp_", "mtail_"),
    *("nginxexporter_build_info", "nginx_exporter_build_info", "uwsgi_exporter_build_info"),
)
#: Maps the job label of pushed metrics to the scrape job that collects them.
PUSHED = {"lab": "pushgateway"}
#: Series that Prometheus itself adds for a target.
OF_PROMETHEUS = {
    # An alert about a target also has the target's job label.
    *("ALERTS", "ALERTS_FOR_STATE"),
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


#: Labels that older exporters do not have, or that are empty in this lab. Prometheus treats an empty label as missing.
EMPTY = {"mountpoint", "chdir", "commit", "date"}


def skip_what_is_not_here(runtime: Runtime, *entries: contract.Entry) -> None:
    """Skip the test, naming the service, if a metric needs a service that this runtime does not have."""
    if missing := sorted({need for entry in entries for need in entry.needs} - runtime.provides):
        pytest.skip(f"not on {runtime.name}: needs {', '.join(missing)}")


def selector(entry: contract.Entry, name: str) -> str:
    return f'{name}{{job="{entry.job}"}}'


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_promised_metric_exists_with_its_labels(observer, runtime, shopped, entry):
    skip_what_is_not_here(runtime, entry)
    for name in entry.samples:
        series = observer.query(selector(entry, name), at=shopped["after"])
        if entry.moves == "fault" and not series:
            continue
        assert series, f"Prometheus has no series {name} from the job {entry.job}"
        labels = set().union(*(each["metric"] for each in series)) - FROM_PROMETHEUS
        expected = set(entry.labels) | ({"le"} if name.endswith("_bucket") else set())
        assert labels | ((EMPTY | {*entry.optional_labels}) & expected) == expected


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.moves in ("load", "time")], ids=lambda entry: entry.name
)
def test_a_metric_changes_under_load_if_the_contract_says_so(observer, runtime, shopped, entry):
    skip_what_is_not_here(runtime, entry)
    series = selector(entry, entry.samples[-1])
    before, after = (observer.total(series, at=shopped[moment]) for moment in ("before", "after"))

    if entry.type == "gauge":
        window = f"[{int(shopped['after'] - shopped['before']) + 1}s]"
        assert observer.value(f"max(changes({series}{window}))", at=shopped["after"]) > 0
    else:
        assert after > before


@pytest.mark.parametrize("job", sorted({entry.job for entry in ENTRIES}))
def test_the_metrics_of_a_job_have_the_promised_types(observer, runtime, shopped, job):
    skip_what_is_not_here(runtime, *(entry for entry in ENTRIES if entry.job == job))
    answer = http.get(
        f"{observer.prometheus}/api/v1/targets/metadata",
        params={"match_target": f'{{job="{PUSHED.get(job, job)}"}}'},
        timeout=5,
    )
    types = {row["metric"]: row["type"] for row in answer.json()["data"]}

    seen = {}
    for entry in ENTRIES:
        # In the OpenMetrics format, the name of a counter family does not include _total.
        known = types.get(entry.name) or types.get(entry.name.removesuffix("_total"))
        if entry.job == job and (known or entry.moves != "fault"):
            seen[entry.name] = known

    assert seen == {entry.name: entry.type for entry in ENTRIES if entry.name in seen}


@pytest.mark.parametrize("job", WHOLE)
def test_every_exposed_metric_is_in_the_contract(observer, shopped, job):
    promised = {name for entry in ENTRIES if entry.job == job for name in entry.samples}
    rules = {entry.documented.partition("{")[0] for entry in ENTRIES} | {
        f"http_request_duration_microseconds{suffix}" for suffix in ("", "_sum", "_count")
    }
    answer = http.get(
        f"{observer.prometheus}/api/v1/label/__name__/values",
        params={"match[]": f'{{job="{job}"}}', "start": shopped["before"]},
        timeout=5,
    )

    exposed = {name for name in answer.json()["data"] if not name.startswith(NOT_PROMISED)}

    assert exposed - promised - rules - OF_PROMETHEUS == set()
