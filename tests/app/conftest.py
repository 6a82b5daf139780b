"""The shop under test, on a real database: a SQLite file, or the PostgreSQL that LAB_TEST_DATABASE_URL names."""

import pytest
from django.core.cache import cache
from django.db import connection
from health import selectors as health

from tests.app.shopping import Shopper


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite's tests run in a file, as the shop does: in memory nobody waits for a lock."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Each test starts with an empty cache and readiness unknown."""
    cache.clear()
    health.require_migrations.cache_clear()


@pytest.fixture
def shopper() -> Shopper:
    """A visitor."""
    return Shopper()


@pytest.fixture
def stranger() -> Shopper:
    """Another visitor."""
    return Shopper()
