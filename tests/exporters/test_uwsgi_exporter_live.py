"""The exporter beside a real uWSGI: what was sent is what is counted."""

import subprocess

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from lab.ports import free_ports
from tests.eventually import eventually
from tests.programs import program

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


@pytest.fixture(params=["http", "tcp"])
def uwsgi(request, tmp_path):
    """A running uWSGI with 2 workers: the URL of its application and the address of its statistics."""
    (tmp_path / "hello.py").write_text(APPLICATION)
    http, stats = free_ports(2)
    command = [
        *(
            program("uwsgi"),
            "--master",
            "--processes=2",
            "--need-app",
            "--die-on-term",
            "--memory-report",
            "--disable-logging",
        ),
        *(f"--http-socket=127.0.0.1:{http}", f"--stats=127.0.0.1:{stats}", "--stats-no-cores"),
        *(f"--chdir={tmp_path}", "--wsgi-file=hello.py"),
        *(["--stats-http"] if request.param == "http" else []),
    ]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(
                (tmp_path / "log").read_text,
                because="uWSGI starts",
                wanted=lambda text: "spawned uWSGI worker 2" in text,
            )
            yield f"http://127.0.0.1:{http}/", f"{request.param}://localhost:{stats}", process
        finally:
            process.kill()


def _scrape(exporter):
    families = text_string_to_metric_families(requests.get(f"{exporter.url}/metrics", timeout=5).text)
    return [sample for family in families for sample in family.samples]


def _sum(samples, name):
    return sum(sample.value for sample in samples if sample.name == name)


def test_as_many_requests_as_were_sent_are_counted(uwsgi, start_exporter):
    application, stats, process = uwsgi
    exporter = start_exporter(stats)
    before = _scrape(exporter)

    for _ in range(137):
        assert requests.get(application, timeout=5).text == "hello"
    after = _scrape(exporter)
    process.terminate()
    process.wait(5)
    gone = _scrape(exporter)

    assert _sum(before, "uwsgi_worker_requests_total") == 0
    assert _sum(after, "uwsgi_worker_requests_total") == 137
    assert _sum(after, "uwsgi_workers") == 2
    assert _sum(after, "uwsgi_worker_rss_bytes") > 2_000_000
    assert {sample.labels["stats_uri"] for sample in after if "stats_uri" in sample.labels} == {stats}
    assert _sum(after, "uwsgi_up") == 1
    assert _sum(gone, "uwsgi_up") == 0
    assert not [sample for sample in gone if "stats_uri" in sample.labels]
