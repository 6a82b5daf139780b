"""Test fault injection: what each fault does, and that only clients with the lab token can inject one."""

import os
import time
from unittest.mock import patch

import pytest
from config import environment
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from faults import middleware as faults
from prometheus_client import REGISTRY

from tests.app.test_settings import manage

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def ask(client, settings, db):
    """A function that requests a page with a fault, with fault injection on. The default token is the correct one."""
    settings.LAB_FAULTS_TOKEN = TOKEN
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "faults.middleware.LabFaults"]
    client.raise_request_exception = False

    def get(fault: str, token: str = TOKEN):
        return client.get("/cart/", secure=True, headers={"X-Lab-Fault": fault, "X-Lab-Token": token})

    return get


def test_the_sleep_fault_delays_the_request(ask):
    began = time.monotonic()

    assert ask("sleep=0.2").status_code == 200

    assert time.monotonic() - began >= 0.2


def total(name: str) -> float:
    """Return the sum of all samples with this name, over all labels."""
    return sum(sample.value for family in REGISTRY.collect() for sample in family.samples if sample.name == name)


def test_the_db_slow_fault_appears_in_the_query_duration_metric(ask):
    before = total("django_db_query_duration_seconds_sum")

    assert ask("db-slow=0.2").status_code == 200

    assert total("django_db_query_duration_seconds_sum") - before >= 0.2


def test_the_db_error_fault_appears_in_the_database_error_metric(ask):
    before = total("django_db_errors_total")

    assert ask("db-error").status_code >= 500

    assert total("django_db_errors_total") == before + 1


def test_the_db_leak_fault_keeps_a_database_connection_open(ask):
    before = len(faults._connections)
    try:
        assert ask("db-leak").status_code == 200
        (extra,) = faults._connections[before:]
        assert extra.is_usable()
    finally:
        for extra in faults._connections[before:]:
            extra.close()
        del faults._connections[before:]


def test_the_cache_miss_fault_causes_cache_misses(ask):
    misses, hits = (total(f"django_cache_get_{outcome}_total") for outcome in ("misses", "hits"))

    assert ask("cache-miss=7").status_code == 200

    assert total("django_cache_get_misses_total") - misses >= 7
    assert total("django_cache_get_hits_total") - hits <= 1


def test_the_cache_fill_fault_fills_the_cache(ask):
    before = len(cache._cache)

    assert ask("cache-fill=0.5").status_code == 200

    assert len(cache._cache) > before


def test_the_break_off_fault_aborts_the_response_while_it_is_streamed(ask):
    answer = ask("break-off")

    assert answer.status_code == 200
    with pytest.raises(faults.LabFault):
        b"".join(answer.streaming_content)


@pytest.mark.parametrize("status", [400, 418, 503, 599])
def test_the_status_fault_can_return_any_error_status(ask, status):
    answer = ask(f"status={status}")

    assert (answer.status_code, answer.content.decode()) == (status, f"{status}, requested by X-Lab-Fault\n")


def test_the_error_fault_returns_a_500(ask):
    assert ask("error").status_code == 500


def test_the_leak_fault_keeps_memory_allocated(ask):
    before = len(faults._leaked)
    try:
        assert ask("leak=1").status_code == 200
        assert [len(piece) for piece in faults._leaked[before:]] == [1024 * 1024]
    finally:
        del faults._leaked[before:]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("explode", f"X-Lab-Fault: unknown fault 'explode'; use one of {', '.join(faults.FAULTS)}."),
        ("error=3", "X-Lab-Fault: error takes no amount."),
        ("sleep", "X-Lab-Fault: sleep needs seconds from 0 to 60, for example sleep=60."),
        ("sleep=61", "X-Lab-Fault: sleep needs seconds from 0 to 60, for example sleep=60."),
        ("sleep=-1", "X-Lab-Fault: sleep needs seconds from 0 to 60, for example sleep=60."),
        ("sleep=nan", "X-Lab-Fault: sleep needs seconds from 0 to 60, for example sleep=60."),
        ("status=200", "X-Lab-Fault: status needs a status from 400 to 599, for example status=599."),
        ("cache-leak=3", "X-Lab-Fault: cache-leak needs a cache server: set CACHE_URL."),
        ("cache-leak=201", "X-Lab-Fault: cache-leak needs connections from 1 to 200, for example cache-leak=200."),
        ("leak=1e9", "X-Lab-Fault: leak needs MiB from 0 to 100, for example leak=100."),
    ],
)
def test_an_invalid_fault_is_400_with_a_reason(ask, fault, sentence):
    answer = ask(fault)

    assert (answer.status_code, answer.content.decode()) == (400, f"{sentence}\n")


@pytest.mark.parametrize("token", ["", "0" * 32, TOKEN[:-1], f"{TOKEN}0"])
def test_a_fault_without_the_correct_token_is_ignored(ask, token):
    assert ask("status=500", token).status_code == 200


def test_fault_injection_is_off_by_default(client, settings, db):
    answer = client.get("/cart/", secure=True, headers={"X-Lab-Fault": "status=500", "X-Lab-Token": ""})

    assert answer.status_code == 200
    assert settings.LAB_FAULTS_TOKEN == ""
    assert "faults.middleware.LabFaults" not in settings.MIDDLEWARE


def test_the_lab_token_is_read_only_if_faults_are_on(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    def token(**variables: str) -> str:
        with patch.dict(os.environ, variables):
            return environment.lab_faults_token()

    assert token(LAB_FAULTS="1", LAB_TOKEN_FILE=str(file)) == TOKEN
    assert token(LAB_FAULTS="0", LAB_TOKEN_FILE=str(file)) == token(LAB_TOKEN_FILE=str(file)) == ""


@pytest.mark.parametrize("given", ["", "short", "please" * 10])
def test_a_weak_or_empty_lab_token_is_refused(monkeypatch, given):
    monkeypatch.setenv("LAB_FAULTS", "1")
    monkeypatch.setenv("LAB_TOKEN", given)

    with pytest.raises(ImproperlyConfigured, match="set LAB_TOKEN_FILE to a file with at least 32 random lowercase"):
        environment.lab_faults_token()


def test_the_shop_does_not_start_with_faults_on_and_no_token():
    done = manage("check", SECRET_KEY="x" * 50, LAB_FAULTS="1")

    assert done.returncode == 1
    assert done.stderr.startswith("pomar: LAB_FAULTS is on without a valid LAB_TOKEN: ")
