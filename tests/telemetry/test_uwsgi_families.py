"""Test how uWSGI's statistics are converted to metrics. Some statistics are recorded, others are invalid."""

import json
from typing import Any

import pytest
from pomar_telemetry.uwsgi_exporter.families import stats_families
from pomar_telemetry.uwsgi_exporter.source import StatsError, StatsSource, parse_stats

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
    "uwsgi_worker_core_busy": "Is core busy",
    "uwsgi_cache_items": "Items in cache.",
    "uwsgi_cache_max_items": "Max items for this cache.",
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
    "uwsgi_worker_core_requests_total": "Total number of requests.",
    "uwsgi_worker_core_static_requests_total": "Total number of static requests.",
    "uwsgi_worker_core_routed_requests_total": "Total number of routed requests.",
    "uwsgi_worker_core_offloaded_requests_total": "Total number of offloaded requests.",
    "uwsgi_worker_core_write_errors_total": "Total number of write errors.",
    "uwsgi_worker_core_read_errors_total": "Total number of read errors.",
    "uwsgi_cache_hits": "Total number of hits.",
    "uwsgi_cache_misses": "Total number of misses.",
    "uwsgi_cache_full": "Total Number of times cache full was hit.",
}

#: The statistics of uWSGI 2.0.31 for a cache, and for a core that is handling a request.
CACHE = json.loads(
    """{"name": "fruit", "hash": "djb33x", "hashsize": 65536, "keysize": 2048, "max_items": 4, "blocks": 4,
    "blocksize": 65536, "items": 3, "hits": 5, "miss": 2, "full": 1, "last_modified_at": 0}"""
)
CORE = json.loads(
    """{"id": 0, "requests": 41, "static_requests": 6, "routed_requests": 7, "offloaded_requests": 8,
    "write_errors": 9, "read_errors": 10, "in_request": 1, "vars": ["HTTP_COOKIE=sessionid=secret"],
    "req_info": {"request_start": 1795473724}}"""
)


@pytest.fixture
def full(recorded) -> dict[str, Any]:
    """The recorded statistics with two caches, and with two cores in each worker."""
    stats = parse_stats(recorded)
    stats["caches"] = [CACHE, CACHE | {"name": "", "hits": 6}]
    for worker in stats["workers"]:
        worker["cores"] = [CORE, CORE | {"id": 1, "in_request": 0}]
    return stats


def _samples(stats: dict[str, Any], **options) -> dict[tuple, float]:
    """Return all samples by name and labels without ``stats_uri``, which every sample must have."""
    samples = {}
    for family in stats_families(stats, URI, **options):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("stats_uri") == URI
            samples[(sample.name, *labels.values())] = sample.value
    return samples


def test_every_metric_keeps_its_original_name_type_and_help(full):
    families = stats_families(full, URI, cores=True)

    gauges = {family.samples[0].name: family.documentation for family in families if family.type == "gauge"}
    counters = {family.samples[0].name: family.documentation for family in families if family.type == "counter"}
    assert gauges == GAUGES
    assert counters == COUNTERS
    assert len(families) == len(GAUGES) + len(COUNTERS)


def test_recorded_statistics_become_metrics_in_base_units(recorded):
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


def test_every_cache_has_its_counters_and_its_size(full):
    samples = _samples(full)

    assert samples[("uwsgi_cache_hits", "fruit")] == 5
    assert samples[("uwsgi_cache_misses", "fruit")] == 2
    assert samples[("uwsgi_cache_full", "fruit")] == 1
    assert samples[("uwsgi_cache_items", "fruit")] == 3
    assert samples[("uwsgi_cache_max_items", "fruit")] == 4
    assert samples[("uwsgi_cache_hits", "")] == 6


def test_cores_are_left_out_unless_they_are_requested(full):
    without, samples = _samples(full), _samples(full, cores=True)

    assert {key: value for key, value in samples.items() if not key[0].startswith("uwsgi_worker_core_")} == without
    assert samples[("uwsgi_worker_core_busy", "2", "0")] == 1
    assert samples[("uwsgi_worker_core_busy", "2", "1")] == 0
    counts = ("requests", "static_requests", "routed_requests", "offloaded_requests", "write_errors", "read_errors")
    assert [samples[(f"uwsgi_worker_core_{name}_total", "1", "0")] for name in counts] == [41, 6, 7, 8, 9, 10]
    assert "secret" not in repr(samples)


@pytest.mark.parametrize(
    ("status", "busy_idle_cheap"),
    [("busy", (1, 0, 0)), ("idle", (0, 1, 0)), ("cheap", (0, 0, 1)), ("sig15", (0, 0, 0))],
)
def test_a_worker_is_busy_idle_cheap_or_none_of_them(recorded, status, busy_idle_cheap):
    stats = parse_stats(recorded)
    stats["workers"][0]["status"] = status

    samples = _samples(stats)

    assert tuple(samples[(f"uwsgi_worker_{name}", "1")] for name in ("busy", "idle", "cheap")) == busy_idle_cheap


def test_an_unused_worker_slot_is_not_counted_as_a_worker(recorded):
    stats = parse_stats(recorded)
    stats["workers"].append({"id": 0, "status": "cheap"})

    samples = _samples(stats)

    assert samples[("uwsgi_workers",)] == 2
    assert not [key for key in samples if key[1:] == ("0",)]


def test_only_the_first_of_two_sockets_with_the_same_name_is_shown(recorded):
    stats = parse_stats(recorded)
    stats["sockets"].append(stats["sockets"][0] | {"max_queue": 7})

    samples = _samples(stats)

    assert samples[("uwsgi_socket_max_queue_length", "127.0.0.1:18901", "http")] == 100


def test_no_workers_are_counted_as_zero():
    samples = _samples(parse_stats(b'{"workers": [], "listen_queue": 3}'))

    assert samples == {("uwsgi_workers",): 0, ("uwsgi_listen_queue_length",): 3}


def test_a_value_that_uwsgi_leaves_out_is_left_out(recorded):
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
        (b'{"workers": [{"id": 1, "status": 1}]}', "'status' .* not a string"),
        (b'{"workers": [{"id": 1, "apps": {}}]}', "'apps' .* not a list of objects"),
        (b'{"workers": [{"id": 1, "apps": [{"id": 0, "chdir": []}]}]}', "'chdir' .* not a string"),
        (b'{"workers": [], "sockets": [{"name": 1}]}', "'name' .* not a string"),
        (b'{"workers": [], "caches": {}}', "'caches' .* not a list of objects"),
        (b'{"workers": [], "caches": [{"name": 1}]}', "'name' .* not a string"),
        (b'{"workers": [], "caches": [{"hits": "1"}]}', "'hits' .* not a whole number"),
        (b'{"workers": [{"id": 1, "cores": [{}]}]}', "'id' .* not a whole number"),
        (b'{"workers": [{"id": 1, "cores": [{"id": 0, "in_request": []}]}]}', "'in_request' .* not a whole number"),
    ],
)
def test_an_invalid_document_is_rejected_as_a_whole(text, reason):
    with pytest.raises(StatsError, match=reason):
        stats_families(parse_stats(text), URI, cores=True)


def test_a_path_that_is_not_utf_8_does_not_hide_the_metrics(recorded):
    text = recorded.replace(b"/srv", b"/srv/\xff\x01")

    stats = parse_stats(text)

    assert _samples(stats) == _samples(json.loads(recorded))


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("https://localhost:1717", "must be http, tcp or unix"),
        ("file:///stats.json", "must be http, tcp or unix"),
        ("tcp://localhost", "host or port is missing"),
        ("http://", "host or port is missing"),
        ("http://localhost:x", "Port could not be cast"),
        ("http://local..host:1", "label empty"),
        ("unix://a/b", "unix:///path/to/socket"),
    ],
)
def test_an_invalid_address_is_refused(uri, reason):
    with pytest.raises(ValueError, match=reason):
        StatsSource(uri)
