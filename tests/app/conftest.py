"""Fixtures for the shop's tests."""

import pytest
from django.core.cache import cache
from health import selectors as health

from tests.app.shopping import Shopper


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Start each test with an empty cache and without a cached readiness result."""
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
