"""Clean the environment like the lab command does, and load Pomar's Django settings for the tests.

The settings get a random secret key. The environment variables for them are set only while they are loaded.

To test with another database server, set ``LAB_TEST_DATABASE_URL``. The database ``test_…`` on that server is dropped
and recreated.
"""

import os
import secrets
from unittest.mock import patch

import django
import pytest
from django.conf import settings
from django.db import connection

from lab.runtimes import environment
from lab.runtimes.settings import CHECKS

environment.clean(CHECKS)

SHOP = {
    **environment.for_services(),
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "CACHE_URL": "locmem://",
    "DATABASE_URL": os.environ.get("LAB_TEST_DATABASE_URL", ""),
    "DEBUG": "false",
}

with patch.dict(os.environ, SHOP, clear=True):
    # Use static file names without hashes, because tests should not need collectstatic.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--thorough``."""
    parser.addoption("--thorough", action="store_true", help="also run slow tests that this runtime skips by default")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker ``one_runtime`` for live tests."""
    config.addinivalue_line(
        "markers",
        "one_runtime(name): the only runtime that runs this live test, unless --thorough is given. For slow tests "
        "whose result is the same on every runtime.",
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Use an SQLite file, as the shop does. With an in-memory database, connections would never wait for a lock."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
