"""Monitoring does not depend on the services that it monitors."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import http
from lab.runtimes import services
from tests.eventually import eventually
from tests.live.observer import send_signal

STUCK_SECONDS = 20


@pytest.fixture
def stuck_workers(observer, runtime):
    """Stop every worker with SIGSTOP; yield the number of workers and a function that resumes them."""

    def send(number: signal.Signals, workers: dict[int, dict]) -> bool:
        pids = [worker["pid"] for worker in workers.values()]
        return 0 not in pids and send_signal(runtime, number, *pids)

    def stop() -> dict[int, dict]:
        """Stop all workers and return them; return an empty dict while one of them is being recycled."""
        workers = observer.workers()
        return workers if send(signal.SIGSTOP, workers) else {}

    stopped = eventually(stop, because="every worker is running")
    yield len(stopped), lambda: send(signal.SIGCONT, stopped)
    send(signal.SIGCONT, stopped)


@pytest.mark.one_runtime("host")
def test_django_is_scraped_within_250_ms_while_every_worker_is_stuck(observer, stuck_workers):
    workers, go_on = stuck_workers

    def visit(_: int) -> int:
        return http.get(f"{observer.shop}/cart/", timeout=60, verify=observer.ca_file).status_code

    began = observer.now()
    with ThreadPoolExecutor(workers) as pool:
        visits = [pool.submit(visit, number) for number in range(workers)]
        eventually(lambda: observer.now() - began >= STUCK_SECONDS, because="time passes", timeout=STUCK_SECONDS + 10)
        assert not any(visit.done() for visit in visits), "a worker responded, so the workers were not stuck"
        window = f"[{STUCK_SECONDS}s]"
        scrapes = observer.value(f'count_over_time(up{{job="django"}}{window})')
        succeeded = observer.value(f'sum_over_time(up{{job="django"}}{window})')
        slowest = observer.value(f'max_over_time(scrape_duration_seconds{{job="django"}}{window})')
        go_on()
        assert [visit.result() for visit in visits] == [200] * workers

    assert scrapes >= STUCK_SECONDS / 5 - 1
    assert succeeded == scrapes
    assert slowest <= 0.25


def test_a_scrape_is_not_counted_as_a_shop_request(observer):
    def requests_counted() -> float:
        return observer.on_page("django", "django_http_requests_before_middlewares_total")

    before = requests_counted()

    for _ in range(60):
        observer.page("django")

    # In the meantime, only the blackbox probe sends requests, one every five seconds.
    assert requests_counted() - before < 20


def test_metrics_pages_can_be_read_concurrently(observer):
    jobs = ("django", "uwsgi", "nginx-log") * 20

    with ThreadPoolExecutor(6) as pool:
        pages = list(pool.map(observer.page, jobs))

    own = {"django": "django_http_", "uwsgi": "uwsgi_worker_", "nginx-log": "nginx_http_responses_total"}
    assert [job for job, page in zip(jobs, pages, strict=True) if own[job] not in page] == []


EXPORTERS = {"uwsgi-exporter": "uwsgi", "nginx-exporter": "nginx", "access-log-exporter": "nginx-log"}


def test_stopped_exporters_are_not_mistaken_for_a_shop_that_is_down(observer, runtime):
    def up() -> dict[str, float]:
        return {job: observer.value(f'up{{job="{job}"}}') for job in EXPORTERS.values()}

    try:
        for exporter in EXPORTERS:
            runtime.stop(services.named(exporter))
        eventually(up, because="they are stopped", timeout=15, wanted=lambda seen: set(seen.values()) == {0})
        assert http.get(f"{observer.shop}/health/ready", timeout=5, verify=observer.ca_file).status_code == 200
        assert observer.value('min(probe_success{job="blackbox"})') == 1
        assert observer.value('up{job="django"}') == 1
    finally:
        for exporter in EXPORTERS:
            runtime.start(services.named(exporter))
    eventually(up, because="they are running again", timeout=15, wanted=lambda seen: set(seen.values()) == {1})


def test_a_stopped_uwsgi_is_not_mistaken_for_an_exporter_that_is_down(observer, runtime):
    runtime.stop(services.named("app"))
    try:
        eventually(
            lambda: observer.value("uwsgi_up") == 0 and observer.value('up{job="uwsgi"}') == 1,
            because="the exporter responds and reports that uWSGI is down",
            timeout=15,
        )
        assert not observer.query("uwsgi_worker_requests_total"), "there are still metrics from the stopped uWSGI"
        answer = http.get(f"{observer.shop}/", timeout=5, verify=observer.ca_file)
        assert answer.status_code == 502
        assert "Pomar" in answer.text
    finally:
        runtime.start(services.named("app"))
    eventually(lambda: observer.value("uwsgi_up") == 1, because="uWSGI is running again", timeout=20)
