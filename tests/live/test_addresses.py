"""Every URL that the lab prints or documents opens a page, on every runtime."""

import re

import pytest

from lab import http
from lab.paths import ROOT
from lab.runtimes import services, settings

DOCUMENTS = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
#: The name of each port setting, by its default value. The URLs in the docs contain the default ports.
PORTS = {port: name for name, port in settings.load({}).items() if name.endswith("_PORT")}


def documented() -> list[tuple[str, str]]:
    """Return the port setting and the path of each URL in the docs, except URLs that `curl` sends data to."""
    found = set()
    for page in DOCUMENTS:
        for line in page.read_text(encoding="utf-8").splitlines():
            if not re.search(r"curl .*(-X|--data)", line):
                found.update(re.findall(r"https?://(?:localhost|127\.0\.0\.1):(\d+)(/[^\s`'\"|)<>]*)?", line))
    return sorted({(PORTS[port], path.rstrip(".,;:") or "/") for port, path in found})


def status(runtime, url: str) -> int:
    """Request a URL, follow all redirects, and return the final status."""
    with http.visitor(str(runtime.ca_file)) as client:
        return client.get(url, timeout=10).status_code


def test_every_address_that_make_up_prints_can_be_opened(runtime):
    printed = {each.name: runtime.shown_url(each) for each in runtime.services if each.page}

    assert {name: status(runtime, url) for name, url in printed.items()} == dict.fromkeys(printed, 200)


@pytest.mark.parametrize(("port", "path"), documented(), ids="".join)
def test_every_documented_address_can_be_opened(runtime, port, path):
    service = next((each for each in services.SERVICES if port in each.ports), None)
    if port == "LOCUST_PORT":
        pytest.skip("Locust's page is only available during `make load-ui`")
    if service not in runtime.services or not runtime.url(service):
        pytest.skip(f"not on {runtime.name}")

    scheme = "https" if port == "SHOP_HTTPS_PORT" else "http"
    assert status(runtime, f"{scheme}://localhost:{runtime.settings[port]}{path}") == 200
