"""Test ledgers of several runs whose samples are in a real Prometheus."""

import time
from collections.abc import Iterator

import pytest

from lab.runs.ledger import books
from lab.runs.ledger.snapshot import FAMILIES, Series, Snapshot
from lab.runs.ledger.stored import Prometheus
from lab.runtimes.ports import free_ports
from tests.stored import prometheus_with

#: The time between the two snapshots, in seconds.
LENGTH = 60
SENT = 600
LIST = (("method", "GET"), ("route", "product:list"), ("status", "200"))
VIEW = (("method", "GET"), ("status", "200"), ("view", "product:list"))
#: Each counter's value before the run, and its increase during the run.
SERIES: dict[str, dict[Series, tuple[int, int]]] = {
    "nginx-log": {
        ("nginx_http_responses_total", LIST): (5_000, SENT),
        ("nginx_http_load_responses_total", LIST): (4_000, SENT),
        ("nginx_http_upstream_requests_total", (("outcome", "answered"), ("route", "product:list"))): (5_000, SENT),
        ("nginx_status_page_requests_total", ()): (90, 12),
        ("nginx_access_log_start_time_seconds", ()): (1_700_000_000, 0),
    },
    "nginx": {("nginx_http_requests_total", ()): (5_090, SENT + 12)},
    "uwsgi": {("uwsgi_worker_requests_total", (("worker_id", "1"),)): (5_000, SENT)},
    "django": {
        ("django_http_requests_before_middlewares_total", ()): (5_000, SENT),
        ("django_http_responses_before_middlewares_total", ()): (5_000, SENT),
        ("django_http_responses_total_by_status_total", (("status", "200"),)): (5_000, SENT),
        ("django_http_responses_total_by_status_view_method_total", VIEW): (5_000, SENT),
        ("pomar_counters_start_time_seconds", ()): (1_700_000_000, 0),
    },
}
RESULT = {"counts": {"product:list": {"GET": {"200": SENT}}}, "seconds": {}}


def at(series: tuple[int, int], seconds: float) -> int:
    """Return a counter's value this many seconds after the first snapshot. It increases in the middle of the run."""
    before, by = series
    return before + round(by * min(max((seconds - 10) / (LENGTH - 20), 0), 1))


def tenfold(job: str, seconds: float, value: int) -> int:
    return value * 10 if job == "django" and value < 1e9 else value


def one_too_many_of_the_load(job: str, seconds: float, value: int) -> int:
    return value + 1 if job == "nginx-log" and 4_000 <= value < 5_000 and seconds > LENGTH else value


def nothing_before(job: str, seconds: float, value: int) -> int | None:
    return None if job == "uwsgi" and -9 < seconds < 0 else value


def nothing_after(job: str, seconds: float, value: int) -> int | None:
    return None if job == "uwsgi" and seconds > LENGTH - 5 else value


def a_gap(job: str, seconds: float, value: int) -> int | None:
    return None if job == "django" and 20 < seconds < 40 else value


def nginx_restarted(job: str, seconds: float, value: int) -> int:
    return value - 5_090 - 100 if job == "nginx" and seconds > 30 else value


#: How each run's samples in Prometheus differ from the correct ones. The exporters' pages are always correct.
RUNS = {
    each.__name__: each
    for each in (tenfold, one_too_many_of_the_load, nothing_before, nothing_after, a_gap, nginx_restarted)
} | {"right": lambda job, seconds, value: value}


@pytest.fixture(scope="module")
def starts() -> dict[str, float]:
    """The start time of each run, by name. The runs are an hour apart, and the latest one was two hours ago."""
    now = int(time.time())
    return {name: now - 7200 - 3600 * number for number, name in enumerate(RUNS)}


@pytest.fixture(scope="module")
def prometheus(starts: dict[str, float], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with samples for each run, every 5 s from a minute before the run to a minute after it."""
    with prometheus_with(lines_of(starts), tmp_path_factory.mktemp("prometheus")) as url:
        yield Prometheus(url)


def lines_of(starts: dict[str, float]) -> Iterator[str]:
    """Yield the samples of all runs in the OpenMetrics text format."""
    rows: dict[str, list[str]] = {}
    for run, began in starts.items():
        for job, series in SERIES.items():
            for second in range(-60, LENGTH + 60, 5):
                # No scrape coincides with a snapshot.
                moment = second + 2
                up = RUNS[run](job, moment, 1) is not None
                rows.setdefault("up", []).append(f'up{{job="{job}"}} {int(up)} {began + moment}')
                for (name, labels), counter in series.items():
                    value = RUNS[run](job, moment, at(counter, moment))
                    if value is not None:
                        all_labels = ",".join(f'{label}="{text}"' for label, text in (("job", job), *labels))
                        rows.setdefault(name, []).append(f"{name}{{{all_labels}}} {value} {began + moment}")
    for lines in rows.values():
        # Sort the samples of each series by time.
        yield from sorted(lines, key=lambda line: (line.rsplit(" ", 2)[0], float(line.rsplit(" ", 1)[1])))


def snapshot(began: float, seconds: float) -> Snapshot:
    """Return a snapshot of the exporters' pages, taken this many seconds after the first one."""
    values = {job: {key: at(counter, seconds) for key, counter in of.items()} for job, of in SERIES.items()}
    return Snapshot(began + seconds, values)


@pytest.fixture
def ledger_of(prometheus: Prometheus, starts: dict[str, float]):
    """A function that builds the ledger for a run, given its name."""

    def balance(run: str) -> books.Ledger:
        began = starts[run]
        return books.balance(prometheus, snapshot(began, 0), snapshot(began, LENGTH), RESULT)

    return balance


def test_the_samples_cover_every_job_of_the_ledger():
    assert SERIES.keys() == FAMILIES.keys()


def test_a_prometheus_that_stored_the_exporters_values_is_exact(ledger_of):
    ledger = ledger_of("right")

    assert (ledger.verdict, ledger.account.differences, ledger.reasons, ledger.notes) == ("exact", [], [], [])


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (
            "tenfold",
            "Prometheus's samples of django_http_requests_before_middlewares_total go from 50,000 to 56,000; its "
            "exporter had 5,000 and 5,600",
        ),
        (
            "one_too_many_of_the_load",
            "Prometheus's samples of nginx_http_load_responses_total of GET, product:list, 200 go from 4,000 to 4,601; "
            "its exporter had 4,000 and 4,600",
        ),
    ],
)
def test_a_prometheus_that_stored_a_different_number_is_blamed(ledger_of, run, sentence):
    ledger = ledger_of(run)

    assert (ledger.verdict, ledger.account.fault) == ("different", "Prometheus")
    assert sentence in [each.sentence for each in ledger.account.differences]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ("nothing_before", "Prometheus has no samples of uwsgi from before the run"),
        ("nothing_after", "Prometheus has no samples of uwsgi from after the run"),
    ],
)
def test_a_tier_without_samples_is_named_and_the_others_are_compared(ledger_of, run, reason):
    ledger = ledger_of(run)

    assert (ledger.verdict, ledger.reasons) == ("unknown", [reason])
    assert {row.remainder for row in ledger.account.rows} == {0}


def test_missed_scrapes_during_the_run_are_noted(ledger_of):
    ledger = ledger_of("a_gap")

    assert ledger.verdict == "exact"
    assert len(ledger.notes) == 1
    assert ledger.notes[0].startswith("Prometheus did not scrape django for 25 s from")


def test_a_counter_reset_between_the_snapshots_is_found_in_the_samples(ledger_of):
    ledger = ledger_of("nginx_restarted")

    assert ledger.verdict == "unknown"
    assert len(ledger.reasons) == 1
    assert ledger.reasons[0].startswith("NGINX was restarted, which reset its counters, at")


def test_a_restart_of_django_is_also_a_restart_of_uwsgi(prometheus, starts):
    opening, closing = snapshot(starts["right"], 0), snapshot(starts["right"], LENGTH)
    closing.values["django"]["pomar_counters_start_time_seconds", ()] += 30

    ledger = books.balance(prometheus, opening, closing, RESULT)

    assert ledger.verdict == "unknown"
    assert [reason[:19] for reason in ledger.reasons] == ["uWSGI was restarted"] * 2


def test_without_prometheus_the_tiers_are_compared_by_their_exporters(starts, monkeypatch):
    monkeypatch.setattr("lab.runs.ledger.stored.PATIENCE_SECONDS", 1)
    nobody = Prometheus(f"http://127.0.0.1:{free_ports(1)[0]}")
    began = starts["right"]

    ledger = books.balance(nobody, snapshot(began, 0), snapshot(began, LENGTH), RESULT)

    assert ledger.verdict == "unknown"
    assert len(ledger.reasons) == len(FAMILIES)
    assert [(row.sent, row.logged, row.answered, row.remainder) for row in ledger.account.rows] == [
        (SENT, SENT, SENT, 0)
    ]


def test_only_the_load_runs_rows_remain_if_the_shop_did_not_settle(prometheus, starts):
    began = starts["right"]
    opening = Snapshot(began, snapshot(began, 0).values, moving="a request arrived")

    ledger = books.balance(prometheus, opening, snapshot(began, LENGTH), RESULT)

    assert ledger.verdict == "unknown"
    assert ledger.reasons == ["the shop did not settle for the snapshot before the run (a request arrived)"]
    assert [(row.sent, row.others, row.logged, row.answered) for row in ledger.account.rows] == [
        (SENT, None, SENT, None)
    ]


def test_samples_from_before_a_counter_reset_are_not_part_of_the_run():
    series = ("django_http_responses_total_by_status_total", (("status", "404"),))
    opening, closing = (Snapshot(moment, {"django": {series: n}}) for moment, n in ((100.0, 2), (101.0, 20)))
    stored = {series: [(88.0, 157), (102.0, 20)]}

    assert books._compared_with_pages("django", {}, stored, opening, closing) == []
    stored[series][-1] = (102.0, 19)
    assert len(books._compared_with_pages("django", {}, stored, opening, closing)) == 1


def test_a_run_begins_only_after_prometheus_has_scraped_the_end_of_the_last_one(prometheus, starts):
    current, after_a_load, after_a_probe = (snapshot(starts["right"], 0) for _ in range(3))
    after_a_load.values["nginx-log"]["nginx_http_load_responses_total", LIST] += 1
    after_a_probe.values["nginx"]["nginx_http_requests_total", ()] += 1

    assert [books._is_current(prometheus, each) for each in (current, after_a_load, after_a_probe)] == [
        True,
        False,
        True,
    ]
