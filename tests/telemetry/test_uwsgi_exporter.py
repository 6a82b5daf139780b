"""Test the uWSGI exporter as a program, with servers that respond correctly, wrongly, slowly or not at all."""

import json
import re
import socket
import subprocess
import sys
import time

import pytest
import requests

from tests.hosts import BOTH, seeing_hosts
from tests.telemetry.programs import EXPORTER, send_all

OWN_SERIES = {
    "uwsgi_up",
    "uwsgi_exporter_last_scrape_error",
    "uwsgi_exporter_scrapes_total",
    "uwsgi_exporter_scrape_errors_total",
    "uwsgi_exporter_scrape_duration_seconds_count",
    "uwsgi_exporter_scrape_duration_seconds_sum",
}
HTTP_OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def _scrape(exporter, **headers):
    return requests.get(f"{exporter.url}/metrics", headers=headers, timeout=5)


def _series(text):
    """Return the values on a page in the text format, by name and labels as they are written there."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in lines}


def _names(text):
    return {series.partition("{")[0] for series in _series(text)}


def test_a_worker_counter_keeps_its_original_name_in_every_format(recorded, serve, start_exporter):
    uri = f"tcp://{serve(recorded)}"
    exporter = start_exporter(uri)

    for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
        answer = _scrape(exporter, Accept=accept)

        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "\n# HELP uwsgi_worker_requests_total Total number of requests.\n" in answer.text
        assert "\n# TYPE uwsgi_worker_requests_total counter\n" in answer.text
        assert f'\nuwsgi_worker_requests_total{{stats_uri="{uri}",worker_id="2"}} 5.0\n' in answer.text
        assert "_created" not in answer.text


def test_a_cache_counter_keeps_its_original_name_without_total(recorded, serve, start_exporter):
    cache = {"name": "\n# TYPE uwsgi_cache_hits_total ", "hits": 5, "miss": 2, "full": 1}
    shown = "\\n# TYPE uwsgi_cache_hits_total "
    uri = f"tcp://{serve(json.dumps(json.loads(recorded) | {'caches': [cache]}).encode())}"

    text = _scrape(start_exporter(uri)).text

    for name, value in (("hits", 5), ("misses", 2), ("full", 1)):
        assert f"\n# TYPE uwsgi_cache_{name} counter\n" in text
        assert len(re.findall(f"\n# HELP uwsgi_cache_{name} Total [Nn]umber of ", text)) == 1
        assert _series(text)[f'uwsgi_cache_{name}{{name="{shown}",stats_uri="{uri}"}}'] == value


def test_the_stats_uri_label_is_the_flag_as_given(recorded, serve, start_exporter):
    uri = f"http://{serve(HTTP_OK + recorded)}".replace("127.0.0.1", "localhost")
    exporter = start_exporter(uri)

    series = _series(_scrape(exporter).text)

    assert series["uwsgi_up"] == 1
    assert series[f'uwsgi_workers{{stats_uri="{uri}"}}'] == 2


@pytest.mark.parametrize("hosts", [BOTH, "127.0.0.1 other\n"], ids=["both addresses", "no address"])
def test_localhost_is_127_0_0_1_regardless_of_the_hosts_file(recorded, serve, tmp_path, hosts):
    port = int(serve(HTTP_OK + recorded).rpartition(":")[2])
    script = f"""
from pomar_telemetry.uwsgi_exporter.source import StatsSource
print(StatsSource("http://localhost:{port}").read(2)["pid"])
"""
    command = [sys.executable, "-c", script]

    # Another program listens on the IPv6 address and never responds.
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        done = subprocess.run([*seeing_hosts(hosts, tmp_path), *command], capture_output=True, text=True, timeout=20)

    assert (done.stderr, done.stdout) == ("", f"{json.loads(recorded)['pid']}\n")


def test_statistics_over_a_unix_socket_are_read(recorded, serve, start_exporter, tmp_path):
    exporter = start_exporter(f"unix://{serve(recorded, tmp_path / 'stats')}")

    series = _series(_scrape(exporter).text)

    assert series["uwsgi_up"] == 1


def test_an_address_without_a_scheme_is_http(recorded, serve, start_exporter):
    exporter = start_exporter(serve(HTTP_OK + recorded))

    series = _series(_scrape(exporter).text)

    assert series["uwsgi_up"] == 1


@pytest.mark.parametrize(
    ("scheme", "answer", "reason"),
    [
        ("http", b"", "is not HTTP"),
        ("http", b'{"workers": []}', "is not HTTP"),
        ("http", b"HTTP/1.0 500 Internal Server Error\r\n\r\n{}", "HTTP status 500"),
        ("http", HTTP_OK, "is not JSON"),
        ("http", HTTP_OK + b'{"workers": [{"id": 1, "requ', "is not JSON"),
        ("tcp", b"\x00\xff\x00", "is not JSON"),
        ("tcp", b'{"workers": [{"id": 1, "requests": "many"}]}', "not a whole number"),
    ],
)
def test_an_invalid_response_is_a_failed_scrape_and_is_logged_once(serve, start_exporter, scheme, answer, reason):
    exporter = start_exporter(f"{scheme}://{serve(answer)}")

    texts = [_scrape(exporter).text for _ in range(2)]

    series = _series(texts[1])
    assert _names(texts[1]) == OWN_SERIES
    assert series["uwsgi_up"] == 0
    assert series["uwsgi_exporter_last_scrape_error"] == 1
    assert series["uwsgi_exporter_scrapes_total"] == 2
    assert series["uwsgi_exporter_scrape_errors_total"] == 2
    complaints = exporter.stop().splitlines()
    assert len(complaints) == 1
    assert reason in complaints[0]


def test_a_failed_scrape_exposes_no_stale_metrics(recorded, serve, start_exporter):
    answers = iter([recorded, recorded[:300], recorded])
    exporter = start_exporter(f"tcp://{serve(lambda connection: send_all(connection, next(answers)))}")

    before, during, after = (_scrape(exporter).text for _ in range(3))

    assert _names(before) > OWN_SERIES
    assert _names(during) == OWN_SERIES
    assert _names(after) == _names(before)
    series = _series(after)
    assert series["uwsgi_up"] == 1
    assert series["uwsgi_exporter_last_scrape_error"] == 0
    assert series["uwsgi_exporter_scrapes_total"] == 3
    assert series["uwsgi_exporter_scrape_errors_total"] == 1
    assert series["uwsgi_exporter_scrape_duration_seconds_count"] == 2


def test_a_refused_connection_is_a_failed_scrape(start_exporter):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exporter = start_exporter(f"http://127.0.0.1:{port}")

    text = _scrape(exporter).text

    assert _names(text) == OWN_SERIES
    assert exporter.stop() == (
        f"uwsgi_exporter: http://127.0.0.1:{port}: cannot read uWSGI's statistics: Connection refused.\n"
    )


def _drip(connection):
    for byte in HTTP_OK + b'{"workers": []}':
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def _stay_silent(connection):
    connection.settimeout(5)
    while connection.recv(1024):
        pass


@pytest.mark.parametrize(
    ("answer", "flag", "granted"),
    [(_drip, "0.4s", "60"), (_stay_silent, "400ms", "nonsense"), (_drip, "1m", "0.65")],
    ids=["drips", "silent", "granted by Prometheus"],
)
def test_one_timeout_covers_the_whole_fetch(serve, start_exporter, answer, flag, granted):
    exporter = start_exporter(f"http://{serve(answer)}", f"--stats.timeout={flag}")
    started = time.monotonic()

    text = _scrape(exporter, **{"X-Prometheus-Scrape-Timeout-Seconds": granted}).text

    assert 0.35 < time.monotonic() - started < 1
    assert _names(text) == OWN_SERIES
    assert "within 0.4 s" in exporter.stop()


def test_health_and_landing_pages_respond_while_a_scrape_waits(serve, start_exporter):
    exporter = start_exporter(f"http://{serve(_stay_silent)}", "--web.telemetry-path=/figures")
    with socket.create_connection(("127.0.0.1", int(exporter.url.rpartition(":")[2]))) as scrape:
        scrape.sendall(b"GET /figures HTTP/1.0\r\n\r\n")

        health = requests.get(f"{exporter.url}/-/healthy", timeout=1)
        landing = requests.get(f"{exporter.url}/", timeout=1)
        elsewhere = requests.get(f"{exporter.url}/metrics", timeout=1)

    assert (health.status_code, health.text) == (200, "ok")
    assert 'href="/figures"' in landing.text
    assert elsewhere.status_code == 404


def test_sigterm_stops_it_at_once_even_during_a_scrape(serve, start_exporter):
    exporter = start_exporter(f"http://{serve(_stay_silent)}", "--stats.timeout=1m")
    with socket.create_connection(("127.0.0.1", int(exporter.url.rpartition(":")[2]))) as scrape:
        scrape.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        requests.get(f"{exporter.url}/-/healthy", timeout=1)
        started = time.monotonic()

        complaints = exporter.stop()

    assert time.monotonic() - started < 1
    assert exporter.process.returncode == 0
    assert complaints == ""


def test_only_the_given_address_is_bound(start_exporter):
    exporter = start_exporter("http://127.0.0.1:1")
    port = int(exporter.url.rpartition(":")[2])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=1)


def _refusal(*flags):
    done = subprocess.run([*EXPORTER, *flags], capture_output=True, text=True, timeout=5)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith("uwsgi_exporter: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([], "required: --stats.uri"),
        (["--stats.uri=https://localhost"], "must be http, tcp or unix"),
        (["--stats.uri=tcp://localhost"], "host or port is missing"),
        (["--stats.uri=http://localhost:99999"], "Port out of range"),
        (["--stats.uri=localhost:1", "--stats.timeout=5"], "'5' is not a positive duration"),
        (["--stats.uri=localhost:1", "--stats.timeout=0s"], "'0s' is not a positive duration"),
        (["--stats.uri=localhost:1", "--web.listen-address=9117"], "'9117' is not an address"),
        (["--stats.uri=localhost:1", "--web.listen-address=:99999"], "':99999' is not an address"),
        (["--stats.uri=localhost:1", "--web.listen-address=192.0.2.1:9117"], "cannot listen on 192.0.2.1:9117: "),
        (["--stats.uri=localhost:1", "--web.listen-address=a..b:9117"], "cannot listen on a..b:9117: "),
        (["--stats.uri=localhost:1", "--web.telemetry-path=metrics"], "'metrics' is not a path"),
        (["--stats.uri=localhost:1", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_an_invalid_flag_is_refused_with_a_one_line_error(flags, reason):
    sentence = _refusal(*flags)

    assert reason in sentence


def test_an_address_in_use_is_refused_with_a_one_line_error(start_exporter):
    taken = start_exporter("http://127.0.0.1:1").url.removeprefix("http://")

    sentence = _refusal("--stats.uri=http://127.0.0.1:1", f"--web.listen-address={taken}")

    assert sentence == f"uwsgi_exporter: cannot listen on {taken}: Address already in use.\n"
