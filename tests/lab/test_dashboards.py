"""Test how the lab evaluates dashboards without Grafana: their variables, and their panels' queries."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.dashboards import answers, model, proof
from lab.dashboards.model import Target
from lab.dashboards.span import Span, last
from lab.errors import LabError
from lab.prometheus import Api, Refused
from lab.runtimes.ports import free_ports
from tests.stored import every_five_seconds, prometheus_with, two_hours_ago

END = two_hours_ago()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A Prometheus with a counter that grows by 2 per second on two instances, a NaN ratio, and a series with a gap."""
    samples = [
        *every_five_seconds('nginx_up{namespace="a",job="web",instance="one"}', [1] * 61, END),
        *every_five_seconds('requests{namespace="a",job="web",instance="one"}', range(0, 610, 10), END),
        *every_five_seconds('requests{namespace="b",job="web",instance="<b>two"}', range(0, 610, 10), END),
        *every_five_seconds('share{job="web"}', ["NaN"] * 61, END),
        # The gap is longer than five minutes, because Prometheus repeats the last sample for that long.
        *every_five_seconds('paused{job="web"}', [1], END - 395),
        *every_five_seconds('paused{job="web"}', [1] * 10, END),
    ]
    with prometheus_with(samples, tmp_path_factory.mktemp("prometheus")) as url:
        yield Api(url)


def target(expr: str, legend: str = "", *, instant: bool = False) -> Target:
    return Target("A", expr, legend, instant)


@pytest.mark.parametrize(
    ("seconds", "step", "rate"),
    [(60, 5, 20), (900, 5, 20), (3_600, 5, 20), (21_600, 30, 35), (86_400, 120, 125), (30 * 86_400, 3_600, 3_605)],
)
def test_the_step_and_the_rate_interval_match_grafanas(seconds, step, rate):
    span = Span(END - seconds, END)

    assert (span.step, span.rate_interval) == (step, rate)


def test_all_variables_in_a_query_are_replaced():
    span = Span(END - 900, END)

    filled = span.interpolate(
        'a{job=~"$job",x=~"${job:regex}"}[$__rate_interval] b[$__range] $__range_s $__interval', {"job": ".*"}
    )

    assert filled == 'a{job=~".*",x=~".*"}[20s] b[900s] 900 5s'


def test_the_error_names_a_variable_that_the_dashboard_does_not_have():
    with pytest.raises(LabError, match=r"uses the variable \$cluster, which its dashboard does not have: up"):
        Span(END - 900, END).interpolate('up{cluster="$cluster"}', {"job": ".*"})


@pytest.mark.parametrize("text", ["15m", "now", "now-15", "now-15w", ""])
def test_an_invalid_time_range_is_rejected(text):
    with pytest.raises(LabError, match="is not a time range: write it like now-15m"):
        last(text, END)


def test_a_query_has_one_line_per_series_named_by_its_legend(api):
    span = Span(END - 60, END)
    asked = target("sum by (instance) (rate(requests[$__rate_interval]))", "{{instance}} of {{ nobody }}")

    lines = answers.series(answers.ask(api, asked, span, {}), asked, span)

    assert [line.name for line in lines] == ["<b>two of ", "one of "]
    assert {value for line in lines for _, value in line.points} == {2}
    assert [at for at, _ in lines[0].points] == [END - 60 + 5 * place for place in range(13)]


def test_an_instant_query_is_evaluated_at_the_end_of_the_time_range(api):
    asked = target("requests", instant=True)

    span = Span(END - 60, END - 5)

    (first, second) = answers.series(answers.ask(api, asked, span, {}), asked, span)

    assert {first.last, second.last} == {590}
    assert first.name == '{instance="<b>two", job="web", namespace="b"}'


def test_a_period_without_samples_is_a_gap(api):
    asked = target("paused")
    span = Span(END - 600, END)

    (line,) = answers.series(answers.ask(api, asked, span, {}), asked, span)

    # At -95, exactly five minutes after the last sample, Prometheus 2 returns a point and Prometheus 3 does not.
    gaps = {at - END for at, value in line.points if value is None} - {-95}
    assert gaps == set(range(-600, -395, 5)) | set(range(-90, -45, 5))


def test_a_prometheus_that_hangs_is_queried_only_once(monkeypatch):
    monkeypatch.setattr("lab.prometheus.TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = Api(f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(LabError, match=r"Prometheus is not responding at .* \(ReadTimeout\)"):
                api.query("up", END)

    assert time.monotonic() - began < 2


def test_nan_becomes_none(api):
    asked = target("share")

    span = Span(END - 60, END)

    (line,) = answers.series(answers.ask(api, asked, span, {}), asked, span)

    assert {value for _, value in line.points} == {None}
    assert line.last is None


def test_a_variable_offers_the_values_of_its_series(api):
    span = Span(END - 60, END)

    values = answers.values_of(
        api, 'label_values(requests{namespace=~"$namespace"}, instance)', span, {"namespace": "a"}
    )

    assert values == ["one"]


def test_an_unsupported_variable_query_is_rejected(api):
    with pytest.raises(LabError, match="is not a supported variable query"):
        answers.values_of(api, "query_result(up)", Span(END - 60, END), {})


def test_a_rejected_query_shows_prometheuss_error_message(api):
    with pytest.raises(Refused, match=r"Prometheus rejected a query: .*unclosed left parenthesis"):
        answers.ask(api, target("sum("), Span(END - 60, END), {})


def test_the_proof_reports_that_prometheus_is_down():
    (port,) = free_ports(1)

    with pytest.raises(LabError, match=r"Prometheus is not responding at .* \(ConnectionError\): see `make status`"):
        proof.prove(Api(f"http://127.0.0.1:{port}"), frozenset())


@pytest.fixture
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow slow queries: these tests are not about the speed of this machine."""
    monkeypatch.setattr(proof, "MAX_SECONDS", 60)


@pytest.mark.usefixtures("no_hurry")
def test_the_proof_runs_every_query_over_every_range_and_names_empty_ones(api):
    """Only one of the dashboards' metrics exists in this Prometheus."""
    found = proof.prove(api, frozenset(), END)
    state = {each.name: each.state(found.provides) for each in found.checks}

    assert len(found.checks) == sum(
        len(dashboard.variables) + len(dashboard.events) + sum(len(panel.targets) for panel in dashboard.panels)
        for dashboard in model.load()
    )
    assert state["NGINX: NGINX status"] == "data"
    assert state["NGINX: Request rate"] == "EMPTY: now-5m, now-15m, now-1h, now-6h, now-24h"
    assert state["NGINX: variable job"] == "data"
    assert state["NGINX: annotation Drills"] == "empty until the first event"
    assert state["PostgreSQL: variable job"] == "not available: needs postgres"
    assert {each.name for each in found.wrong} >= {"NGINX: Request rate", "Django: variable job"}
    assert "NGINX: Request rate: EMPTY: now-5m" in proof.page(found)
    # On a runtime with PostgreSQL, the query must return data.
    assert "PostgreSQL: variable job" in {each.name for each in replace(found, provides={"postgres"}).wrong}


@pytest.mark.usefixtures("no_hurry")
def test_a_range_without_a_complete_step_since_the_last_load_run_is_skipped(api, monkeypatch):
    # This time is in the middle of a two-minute step of the range now-24h.
    end = END - END % 120 + 60
    monkeypatch.setattr(proof, "_last_load", lambda *_: end - 20)

    found = proof.prove(api, frozenset(), end)

    assert found.skipped == ["now-24h"]
    assert "Skipped now-24h" in proof.page(found)


def test_the_proof_asks_to_try_again_when_no_range_can_be_checked_yet(api, monkeypatch):
    monkeypatch.setattr(proof, "_last_load", lambda *_: END + 1)

    with pytest.raises(LabError, match="the last load run has only just finished: try again in a few seconds"):
        proof.prove(api, frozenset(), END)


def test_a_slow_query_is_reported_as_slow(api, monkeypatch):
    monkeypatch.setattr(proof, "MAX_SECONDS", 0)
    monkeypatch.setattr(proof, "ATTEMPTS", 1)

    found = proof.prove(api, frozenset(), END)

    assert {each.state(found.provides).split(":")[0] for each in found.checks} == {"SLOW"}


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "JSONDecodeError"), ("{}", "KeyError: 'uid'"), ("[]", "TypeError"), (None, "FileNotFoundError")],
)
def test_the_error_names_a_file_that_is_not_a_dashboard(tmp_path, content, words):
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(LabError, match=f"broken.json is not a dashboard .*{words}.*: run `make generate`"):
        model.read(file)


def test_panels_in_a_collapsed_row_are_found(tmp_path):
    file = model.FOLDER / "nginx.json"
    content = json.loads(file.read_text())
    heading, *panels = content["panels"]
    content["panels"] = [heading | {"collapsed": True, "panels": panels}]
    folded = tmp_path / "folded.json"
    folded.write_text(json.dumps(content))

    assert [panel.title for panel in model.read(folded).panels if panel.type != "row"] == [
        panel.title for panel in model.read(file).panels
    ]
