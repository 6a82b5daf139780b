"""Fixtures for the NGINX tests."""

import pytest

from tests.config.front import Front


@pytest.fixture(scope="package")
def front(tmp_path_factory):
    """NGINX with the test app behind it."""
    front = Front(tmp_path_factory.mktemp("front"))
    static = front.prefix / "static"
    (static / "css" / "shop.0123456789ab.css").write_text("body { color: #3b2a1a }\n" * 100)
    (static / "css" / "shop.css").write_text("body { color: #3b2a1a }\n")
    (static / "apple.svg").write_text("<svg/>")
    with front.running(), front.app_running():
        yield front
