"""uWSGI's statistics, recorded and broken, and the metrics they become."""

import json
from typing import Any

import pytest
from uwsgi_stats.families import stats_families
from uwsgi_stats.source import StatsError, StatsSource, parse_stats

URI = "http://localhost:1717"

GAUGES = {
    "uwsgi_listen_queue_length": "Length of listen queue.",
    "uwsgi_listen_queue_errors": "Number of listen queue errors.",
    "uwsgi_signal_queue_length": "Length of signal queue.",
    "uwsgi_workers": "Number of workers.",
    "uwsgi_socket_queue_length": "Length of socket queue.",
    "uwsgi_socket_max_queue_length": "Max length of socket queue.",
    "uwsgi_socket_shared": "Is shared socket?",
    "uwsgi_socket_can_offload": "Can socket offload?",
    "uwsgi_worker_accepting": "Is this worker accepting requests?",
    "uwsgi_worker_delta_requests": "Number of delta requests",
    "uwsgi_worker_signal_queue_length": "Length of signal queue.",
    "uwsgi_worker_rss_bytes": "Worker RSS bytes.",
    "uwsgi_worker_vsz_bytes": "Worker VSZ bytes.",
    "uwsgi_worker_running_time_seconds": "Worker running time in seconds.",
    "uwsgi_worker_last_spawn_time_seconds": "Last spawn time in seconds since epoch.",
    "uwsgi_worker_average_response_time_seconds": "Average response time in seconds.",
    "uwsgi_worker_apps": "Number of apps.",
    "uwsgi_worker_cores": "Number of cores.",
    "uwsgi_worker_busy": "Is core in busy",
    "uwsgi_worker_idle": "Is core in idle",
    "uwsgi_worker_cheap": "Is core in cheap mode",
    "uwsgi_worker_app_startup_time_seconds": "How long this app took to start.",
}
COUNTERS = {
    "uwsgi_worker_requests_total": "Total number of requests.",
    "uwsgi_worker_exceptions_total": "Total number of exceptions.",
    "uwsgi_worker_harakiri_count_total": "Total number of harakiri count.",
    "uwsgi_worker_signals_total": "Total number of signals.",
    "uwsgi_worker_respawn_count_total": "Total number of respawn count.",
    "uwsgi_worker_transmitted_bytes_total": "Worker transmitted bytes.",
    "uwsgi_worker_app_requests_total": "Total number of requests.",
    "uwsgi_worker_app_exceptions_total": "Total number of exceptions.",
}


def _samples(stats: dict[str, Any]) -> dict[tuple, float]:
    """All samples, by name and labels other than ``stats_uri``, which each of them must carry."""
    samples = {}
    for family in stats_families(stats, URI):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("stats_uri") == URI
            samples[(sample.name, *labels.values())] = sample.value
    return samples


def test_every_metric_has_the_name_type_and_help_of_the_original(recorded):
    families = stats_families(parse_stats(recorded), URI)

    gauges = {family.name: family.documentation for family in families if family.type == "gauge"}
    counters = {f"{family.name}_total": family.documentation for family in families if family.type == "counter"}
    assert gauges == GAUGES
    assert counters == COUNTERS
    assert len(families) == len(GAUGES) + len(COUNTERS)


def test_recorded_statistics_become_their_figures_in_base_units(recorded):
    samples = _samples(parse_stats(recorded))

    assert samples[("uwsgi_workers",)] == 2
    assert samples[("uwsgi_socket_max_queue_length", "127.0.0.1:18901", "http")] == 100
    assert samples[("uwsgi_worker_requests_total", "1")] == 3
    assert samples[("uwsgi_worker_requests_total", "2")] == 5
    assert samples[("uwsgi_worker_exceptions_total", "2")] == 1
    assert samples[("uwsgi_worker_transmitted_bytes_total", "1")] == 153
    assert samples[("uwsgi_worker_rss_bytes", "1")] == 11354112
    assert samples[("uwsgi_worker_running_time_seconds", "1")] == 0.30072
    assert samples[("uwsgi_worker_average_response_time_seconds", "1")] == 0.037644
    assert samples[("uwsgi_worker_last_spawn_time_seconds", "1")] == 1795473724
    assert samples[("uwsgi_worker_apps", "1")] == 1
    assert samples[("uwsgi_worker_cores", "1")] == 0
    assert samples[("uwsgi_worker_app_requests_total", "2", "0", "", "")] == 6


@pytest.mark.parametrize(
    ("status", "busy_idle_cheap"),
    [("busy", (1, 0, 0)), ("idle", (0, 1, 0)), ("cheap", (0, 0, 1)), ("sig15", (0, 0, 0))],
)
def test_a_worker_is_busy_idle_cheap_or_none_of_them(recorded, status, busy_idle_cheap):
    stats = parse_stats(recorded)
    stats["workers"][0]["status"] = status

    samples = _samples(stats)

    assert tuple(samples[(f"uwsgi_worker_{name}", "1")] for name in ("busy", "idle", "cheap")) == busy_idle_cheap


def test_a_place_kept_free_for_a_worker_is_no_worker(recorded):
    stats = parse_stats(recorded)
    stats["workers"].append({"id": 0, "status": "cheap"})

    samples = _samples(stats)

    assert samples[("uwsgi_workers",)] == 2
    assert not [key for key in samples if key[1:] == ("0",)]


def test_of_two_sockets_with_one_name_the_first_is_shown(recorded):
    stats = parse_stats(recorded)
    stats["sockets"].append(stats["sockets"][0] | {"max_queue": 7})

    samples = _samples(stats)

    assert samples[("uwsgi_socket_max_queue_length", "127.0.0.1:18901", "http")] == 100


def test_no_workers_are_counted_as_none():
    samples = _samples(parse_stats(b'{"workers": [], "listen_queue": 3}'))

    assert samples == {("uwsgi_workers",): 0, ("uwsgi_listen_queue_length",): 3}


def test_a_figure_that_uwsgi_leaves_out_is_left_out(recorded):
    stats = parse_stats(recorded)
    del stats["workers"][0]["rss"], stats["listen_queue"]

    samples = _samples(stats)

    assert ("uwsgi_worker_rss_bytes", "1") not in samples
    assert ("uwsgi_worker_rss_bytes", "2") in samples
    assert ("uwsgi_listen_queue_length",) not in samples


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"workers": [{"id": 1, "requ', "not JSON"),
        (b'{"workers": [], "load": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not uWSGI's statistics"),
        (b"{}", "not uWSGI's statistics"),
        (b'"workers"', "not uWSGI's statistics"),
        (b'{"workers": 4}', "'workers' .* not a list of objects"),
        (b'{"workers": null}', "'workers' .* not a list of objects"),
        (b'{"workers": [1]}', "'workers' .* not a list of objects"),
        (b'{"workers": [{}]}', "'id' .* not a whole number"),
        (b'{"workers": [{"id": "1"}]}', "'id' .* not a whole number"),
        (b'{"workers": [{"id": 1, "requests": true}]}', "'requests' .* not a whole number"),
        (b'{"workers": [{"id": 1, "requests": 1.5}]}', "'requests' .* not a whole number"),
        (b'{"workers": [{"id": 1, "requests": 1' + b"0" * 400 + b"}]}", "'requests' .* not a whole number"),
        (b'{"workers": [{"id": 1, "status": 1}]}', "'status' .* not a text"),
        (b'{"workers": [{"id": 1, "apps": {}}]}', "'apps' .* not a list of objects"),
        (b'{"workers": [{"id": 1, "apps": [{"id": 0, "chdir": []}]}]}', "'chdir' .* not a text"),
        (b'{"workers": [], "sockets": [{"name": 1}]}', "'name' .* not a text"),
    ],
)
def test_a_broken_document_is_refused_as_a_whole(text, reason):
    with pytest.raises(StatsError, match=reason):
        stats_families(parse_stats(text), URI)


def test_a_path_that_is_not_utf_8_does_not_hide_the_figures(recorded):
    text = recorded.replace(b"/srv", b"/srv/\xff\x01")

    stats = parse_stats(text)

    assert _samples(stats) == _samples(json.loads(recorded))


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://localhost:1717", "must be http, tcp or unix"),
        ("file:///stats.json", "must be http, tcp or unix"),
        ("tcp://localhost", "names no host and port"),
        ("http://", "names no host and port"),
        ("http://localhost:x", "Port could not be cast"),
        ("http://local..host:1", "label empty"),
        ("unix://a/b", "unix:///path/to/socket"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(uri, reason):
    with pytest.raises(ValueError, match=reason):
        StatsSource(uri)
