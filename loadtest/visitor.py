"""A visitor to the shop. Each of its requests has a name and an expected response."""

import random
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin

from locust import FastHttpUser, task
from locust.exception import RescheduleTask, StopTest

from loadtest.pages import Page

# Maps each expected status to the values that Page's properties must then have.
Expected = dict[int, dict[str, Any]]
OK: Expected = {200: {}}
NOT_FOUND: Expected = {404: {}}
CA_FILE_NEEDED = "LAB_CA_FILE is not set: set it to the lab's CA certificate, which is needed to verify HTTPS."
# A browser only fetches the pictures that are visible without scrolling.
STATIC_FILES_A_PAGE = 8


class Visitor(FastHttpUser):
    """A Locust user that acts as one visitor after another. Each visit has a new session, connection and cache.

    Personas implement ``shop`` and make their choices with ``self.random``, which depends only on the run's seed and
    the user's number. An unexpected response ends the visit, so that each fault is counted once.
    """

    abstract = True
    insecure = False
    # One connection, so that a request is never sent twice.
    concurrency = 1
    connection_timeout = 10.0
    # Longer than NGINX waits for uWSGI, so that a dead worker shows up as a 502 from NGINX.
    network_timeout = 40.0
    pause = (0.3, 1.2)

    def __init__(self, environment: Any) -> None:
        self.load = environment.load
        self.default_headers = {"User-Agent": f"pomar-load ({type(self).__name__.lower()})"}
        if environment.load.options.token:
            self.default_headers |= {"X-Lab-Token": environment.load.options.token, "X-Lab-Run": "load"}
        self.ssl_context_factory = self._ssl_context
        if (self.host or "").startswith("https:") and not self.load.ssl_context:
            raise StopTest(f"load: {CA_FILE_NEEDED}")
        super().__init__(environment)
        self.number = self.load.next_user_number()
        self.random = random.Random(f"{self.load.options.seed}:{self.number}")
        self.visits = 0
        self._page_url = ""
        self._cached: set[str] = set()

    def _ssl_context(self, cafile: str | None = None) -> ssl.SSLContext:
        """Return the context shared by all visitors, which trusts only the lab's CA. ``cafile`` is ignored."""
        return self.load.ssl_context

    def wait_time(self) -> float:
        """Return how many seconds this visitor waits before the next step."""
        return self.random.uniform(*self.pause)

    @task
    def visit(self) -> None:
        """Make one visit as a new visitor."""
        self.arrive()
        self.shop()

    def arrive(self) -> None:
        """Start a visit as a visitor who is new to the shop."""
        self.visits += 1
        self.client.cookiejar.clear()
        self.client.client.clientpool.close()
        self._page_url = ""
        self._cached.clear()

    def shop(self) -> None:
        """Do what this persona does. Pause with ``self.wait()``, during which Locust may also stop the user."""
        raise NotImplementedError

    def turn(self, of: int) -> int:
        """Return the number of this visit modulo ``of``. Each user starts counting at a different number."""
        return (self.visits + self.number) % of

    def some(self, things: Iterable[str], maximum: int) -> list[str]:
        """Return up to ``maximum`` of the things, chosen at random."""
        choice = sorted(things)
        return self.random.sample(choice, k=min(maximum, len(choice)))

    def open(self, url: str, *, name: str, expect: Expected = OK) -> Page:
        """Open a page, and fetch the static files that a browser would fetch."""
        page = self.request("GET", url, name=name, expect=expect)
        self._page_url = url
        self._fetch_static(page.static_files)
        return page

    def submit(self, url: str, *, name: str, page: Page, form: dict[str, Any], expect: Expected) -> Page:
        """Submit a form of ``page``."""
        fields = {"csrfmiddlewaretoken": page.field("csrfmiddlewaretoken") or "", **form}
        return self.request("POST", url, name=name, expect=expect, form=fields)

    def request(
        self, method: str, url: str, *, name: str, expect: Expected = OK, form: dict[str, Any] | None = None
    ) -> Page:
        """Send one request. It fails unless the status and the page are as expected, and a failure ends the visit.

        Redirects are not followed, so one call is one request.
        """
        headers = {"Referer": urljoin(self.client.base_url, self._page_url)} if self._page_url else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with self.client.request(
            method,
            url,
            name=name,
            data=None if form is None else urlencode(form),
            headers=headers,
            allow_redirects=False,
            catch_response=True,
        ) as response:
            page = _page(response)
            failure = f"no response: {response.error}" if not page.status else _mismatch(page, expect)
            if failure:
                response.failure(failure)
            else:
                response.success()
        if failure:
            raise RescheduleTask
        return page

    def _fetch_static(self, urls: Iterable[str]) -> None:
        new = [url for url in urls if url not in self._cached]
        for url in new[:STATIC_FILES_A_PAGE]:
            self.request("GET", url, name="static")
            self._cached.add(url)


def _page(response: Any) -> Page:
    headers = response.headers or {}
    text = response.text if headers.get("content-type", "").startswith("text/html") else ""
    return Page(text or "", status=response.status_code, location=headers.get("location", ""))


def _mismatch(page: Page, expect: Expected) -> str | None:
    if page.status not in expect:
        return f"status {page.status} instead of {' or '.join(map(str, expect))}"
    for name, value in expect[page.status].items():
        if (shown := getattr(page, name)) != value:
            return f"{name} is {shown} instead of {value}"
    return None
