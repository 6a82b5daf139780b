"""The shop's health checks."""

import json

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


def test_live_without_a_database(shopper):
    answer = shopper.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"live": True})


@pytest.mark.django_db
def test_ready_when_the_database_is_reachable_and_migrated(shopper):
    answer = shopper.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"ready": True})


@pytest.mark.django_db
def test_not_ready_until_the_last_migration_is_applied(shopper):
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("checkout", "0001_initial")

    before = shopper.get("/health/ready")
    recorder.record_applied("checkout", "0001_initial")
    after = shopper.get("/health/ready")

    assert before.status_code == 503
    assert before.json() == {
        "ready": False,
        "reason": "unapplied migrations: 1, the first is checkout.0001_initial",
    }
    assert b"\n" not in before.content
    assert after.status_code == 200


@pytest.mark.django_db
def test_ready_takes_one_query_once_the_migrations_are_known(shopper, django_assert_num_queries):
    shopper.get("/health/ready")

    with django_assert_num_queries(1):
        shopper.get("/health/ready")


@pytest.mark.django_db
def test_not_ready_when_the_database_was_emptied(shopper):
    shopper.get("/health/ready")
    MigrationRecorder(connection).migration_qs.delete()

    assert shopper.get("/health/ready").status_code == 503


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seen_before", [False, True], ids=["at start", "later"])
def test_not_ready_but_live_when_the_database_is_down(shopper, monkeypatch, seen_before):
    if seen_before:
        shopper.get("/health/ready")
    connection.close()
    with monkeypatch.context() as gone:
        gone.setitem(connection.settings_dict, "NAME", "/nowhere/shop.sqlite3")

        ready, live = shopper.get("/health/ready"), shopper.get("/health/live")

        connection.close()

    assert ready.status_code == 503
    assert json.loads(ready.content) == {"ready": False, "reason": "the database cannot be reached"}
    assert live.status_code == 200
