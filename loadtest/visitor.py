"""A visitor of the shop: requests that know what they are called and what they must show."""

import random
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin

from locust import FastHttpUser, task
from locust.exception import RescheduleTask, StopTest

from loadtest.pages import Page

# Statuses that are right, and what the page must then show: values by the names of Page's properties.
Expected = dict[int, dict[str, Any]]
OK: Expected = {200: {}}
NOT_FOUND: Expected = {404: {}}
CA_FILE_NEEDED = "LAB_CA_FILE is not set: it must name the certificate of the lab's CA, because TLS is verified."
# A browser fetches the pictures that it can show at once; the others wait for the visitor to scroll.
STATIC_FILES_A_PAGE = 8


class Visitor(FastHttpUser):
    """One person after the other: each visit is a new session on a new connection with an empty cache.

    What a person does is `shop`, with its choices taken from ``self.random``, which depends on the run's seed and
    the user's number alone. A request that was not answered as it must be ends the visit, so that one fault is
    counted once.
    """

    abstract = True
    insecure = False
    # One connection: what is in flight is known, and a request is sent once.
    concurrency = 1
    connection_timeout = 10.0
    # Longer than NGINX waits for uWSGI, so that a worker's death shows as its 502.
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
        """One context for all visitors, which trusts the lab's CA alone and not ``cafile``, the client's own list."""
        return self.load.ssl_context

    def wait_time(self) -> float:
        """Seconds that this person thinks before going on."""
        return self.random.uniform(*self.pause)

    @task
    def visit(self) -> None:
        """Come as somebody new, and shop."""
        self.arrive()
        self.shop()

    def arrive(self) -> None:
        """Be somebody whom the shop has not seen."""
        self.visits += 1
        self.client.cookiejar.clear()
        self.client.client.clientpool.close()
        self._page_url = ""
        self._cached.clear()

    def shop(self) -> None:
        """Do what this persona does, pausing with ``self.wait()``, which is also where a run can end."""
        raise NotImplementedError

    def turn(self, of: int) -> int:
        """Count visits from 0 to below ``of`` and over again; users begin at different numbers."""
        return (self.visits + self.number) % of

    def some(self, things: Iterable[str], most: int) -> list[str]:
        """Return up to ``most`` of them, chosen at random."""
        choice = sorted(things)
        return self.random.sample(choice, k=min(most, len(choice)))

    def open(self, url: str, *, name: str, expect: Expected = OK) -> Page:
        """Open a page, with the files that a browser would fetch for it."""
        page = self.request("GET", url, name=name, expect=expect)
        self._page_url = url
        self._fetch_static(page.static_files)
        return page

    def submit(self, url: str, *, name: str, page: Page, form: dict[str, Any], expect: Expected) -> Page:
        """Send a form that stands on ``page``."""
        fields = {"csrfmiddlewaretoken": page.field("csrfmiddlewaretoken") or "", **form}
        return self.request("POST", url, name=name, expect=expect, form=fields)

    def request(
        self, method: str, url: str, *, name: str, expect: Expected = OK, form: dict[str, Any] | None = None
    ) -> Page:
        """Send one request; it fails unless its status and what the page shows are as expected.

        A redirect is not followed: one call is one request. A failure ends the visit.
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
        ) as answer:
            page = _page(answer)
            failure = f"no answer: {answer.error}" if not page.status else _wrong(page, expect)
            if failure:
                answer.failure(failure)
            else:
                answer.success()
        if failure:
            raise RescheduleTask
        return page

    def _fetch_static(self, urls: Iterable[str]) -> None:
        new = [url for url in urls if url not in self._cached]
        for url in new[:STATIC_FILES_A_PAGE]:
            self.request("GET", url, name="static")
            self._cached.add(url)


def _page(answer: Any) -> Page:
    headers = answer.headers or {}
    text = answer.text if headers.get("content-type", "").startswith("text/html") else ""
    return Page(text or "", status=answer.status_code, location=headers.get("location", ""))


def _wrong(page: Page, expect: Expected) -> str | None:
    if page.status not in expect:
        return f"status {page.status} instead of {' or '.join(map(str, expect))}"
    for mark, value in expect[page.status].items():
        if (shown := getattr(page, mark)) != value:
            return f"{mark} is {shown} instead of {value}"
    return None
