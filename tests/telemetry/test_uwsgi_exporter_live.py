"""Test the exporter with a real uWSGI. It must report exactly the requests that were sent."""

import re
import subprocess

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from lab.runtimes.ports import free_ports
from tests.eventually import eventually
from tests.programs import program

#: An application that reads and writes the cache `fruit`. The query string says what it does: for example,
#: `get=apple&set=pear` reads one key and writes another, and `fetch=URL` returns the page at that URL.
APPLICATION = """
import uwsgi
from urllib.parse import parse_qsl
from urllib.request import urlopen

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for verb, key in parse_qsl(environ["QUERY_STRING"]):
        if verb == "get":
            uwsgi.cache_get(key, "fruit")
        elif verb == "set":
            uwsgi.cache_set(key, b"1", 0, "fruit")
        elif verb == "fetch":
            return [urlopen(key, timeout=5).read()]
    return [b"hello"]
"""


@pytest.fixture(params=["http", "tcp"])
def uwsgi(request, tmp_path):
    """A running uWSGI with 2 workers: its application's URL, its statistics address, and its process."""
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
        *(f"--http-socket=127.0.0.1:{http}", f"--stats=127.0.0.1:{stats}"),
        *("--cache2=name=fruit,items=4", "--cache2=name=nuts,items=9"),
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


def test_requests_are_counted_exactly(uwsgi, start_exporter):
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


def test_cache_hits_and_misses_are_counted_exactly(uwsgi, start_exporter):
    application, stats, _ = uwsgi
    exporter = start_exporter(stats)

    # uWSGI keeps one of the 4 items free.
    sets = "set=apple&set=pear&set=plum&set=quince&set=sloe"
    for query in ("get=apple&get=pear", sets, *["get=apple&get=pear&get=quince"] * 7):
        requests.get(f"{application}?{query}", timeout=5)
    # Not parsed with the client library, because it appends _total to counter names.
    page = requests.get(f"{exporter.url}/metrics", timeout=5).text

    found = re.findall(r'^uwsgi_cache_(\w+){name="(\w+)",stats_uri="(.+)"} (.+)$', page, flags=re.MULTILINE)
    assert {source for _, _, source, _ in found} == {stats}
    assert {(cache, name): float(value) for name, cache, _, value in found} == {
        ("fruit", "hits"): 2 * 7,
        ("fruit", "misses"): 2 + 7,
        ("fruit", "full"): 2,
        ("fruit", "items"): 3,
        ("fruit", "max_items"): 4,
        ("nuts", "hits"): 0,
        ("nuts", "misses"): 0,
        ("nuts", "full"): 0,
        ("nuts", "items"): 0,
        ("nuts", "max_items"): 9,
    }


def test_requests_per_core_are_counted_exactly(uwsgi, start_exporter):
    application, stats, _ = uwsgi
    with_cores, without = start_exporter(stats, "--collect.cores"), start_exporter(stats)

    for _ in range(41):
        requests.get(application, timeout=5)
    # A request that is in flight while the exporter reads the statistics.
    during = requests.get(
        application, params={"fetch": f"{with_cores.url}/metrics"}, cookies={"sessionid": "secret"}, timeout=5
    ).text
    # uWSGI frees a core shortly after the client has received its response.
    after = eventually(
        lambda: _scrape(with_cores),
        because="no core is busy",
        wanted=lambda samples: _sum(samples, "uwsgi_worker_core_busy") == 0,
    )

    families = {family.name: family for family in text_string_to_metric_families(during)}
    assert _sum(families["uwsgi_worker_core_busy"].samples, "uwsgi_worker_core_busy") == 1
    assert "secret" not in during
    assert _sum(after, "uwsgi_worker_core_requests_total") == 42
    cores = {
        (s.labels["worker_id"], s.labels["core_id"]) for s in after if s.name == "uwsgi_worker_core_requests_total"
    }
    assert cores == {("1", "0"), ("2", "0")}
    assert not [sample for sample in _scrape(without) if sample.name.startswith("uwsgi_worker_core_")]
