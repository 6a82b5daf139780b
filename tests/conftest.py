"""Clean the environment as the lab's command does, and load Pomar's settings for the tests.

The settings are loaded here with their own secret key, and their variables do not stay in the environment.
``LAB_TEST_DATABASE_URL`` selects another database server; the database ``test_…`` on it is dropped and created.
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
    # Static files without hashed names, because tests should not need collectstatic.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--thorough``."""
    parser.addoption("--thorough", action="store_true", help="also run slow tests that this runtime skips by default")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the live tests."""
    config.addinivalue_line(
        "markers",
        "one_runtime(name): the runtime that runs this live test; with --thorough every runtime does. For what takes "
        "long and is the same on each.",
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Use an SQLite file, as the shop does: with an in-memory database, connections never wait for a lock."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
