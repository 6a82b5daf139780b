"""Tests of the cluster that is built from Debian packages."""

import os

import pytest

from lab.errors import LabError
from tests.kubernetes import build


@pytest.fixture(scope="session")
def can_run_cluster() -> None:
    """Skip the tests if this machine cannot run the cluster that is built from Debian packages; in CI, fail them."""
    try:
        build.check()
    except LabError as error:
        if os.environ.get("CI"):
            pytest.fail(error.message, pytrace=False)
        pytest.skip(error.message)
