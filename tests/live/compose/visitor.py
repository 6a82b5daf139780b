"""A visitor who shops with plain HTTP requests, for tests that stop a service."""

import re

import requests

from tests.app.shopping import DELIVERY, mark, marks
from tests.live.observer import Observer

SECONDS = 15


class Visitor:
    """Keeps a session with the shop and submits its forms like a browser."""

    def __init__(self, observer: Observer) -> None:
        self._shop = observer.shop
        self._session = observer.client()

    def get(self, path: str) -> requests.Response:
        """Open one of the shop's pages."""
        return self._session.get(f"{self._shop}{path}", timeout=SECONDS)

    def send(self, page: requests.Response, path: str, form: dict[str, str]) -> requests.Response:
        """Submit a form on ``page``, with its hidden fields, and return the resulting page."""
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        headers = {"Referer": page.url}
        return self._session.post(f"{self._shop}{path}", data=hidden | form, headers=headers, timeout=SECONDS)

    def add_an_apple(self) -> None:
        """Find an apple and add it to the cart."""
        slug = marks(self.get("/search/?q=apple"), "data-product")[0]
        added = self.send(self.get(f"/product/{slug}/"), f"/product/{slug}/add/", {"quantity": "1"})
        assert added.status_code == 200, added.text

    def units(self) -> int:
        """Return the number of units that the cart shows."""
        return int(mark(self.get("/cart/"), "data-cart-units"))

    def order(self) -> requests.Response:
        """Order the contents of the cart and return the order page."""
        return self.send(self.get("/checkout/"), "/checkout/", DELIVERY)
