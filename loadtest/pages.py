"""Parse the shop's pages, using the data attributes that the templates provide for programs."""

import re
from decimal import Decimal
from functools import cached_property
from html import unescape

PRODUCT = re.compile(r'data-product="([^"]+)"\s+data-stock="(\d+)"')
CART_LINE = re.compile(r'data-product="([^"]+)"\s+data-stock="\d+"\s+data-quantity="(\d+)"')
CART_UNITS = re.compile(r'data-cart-units="(\d+)"')
CART_TOTAL = re.compile(r'data-cart-total="(\d+\.\d\d)"')
ORDER_TOTAL = re.compile(r'data-order-total="(\d+\.\d\d)"')
REFUSAL = re.compile(r'data-refusal="([^"]+)"')
RECEIPT_LINE = re.compile(r"<span>(\d+) \u00d7 ([^<]+)</span>")
STATIC = re.compile(r'(?:src|href)="(/static/[^"]+)"')
SHELF = re.compile(r'href="(/category/[^"]+/)"')
PAGE_NUMBER = re.compile(r'href="\?page=(\d+)"')
INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


class Page:
    """A page, parsed on demand. Values that are not on the page are None."""

    def __init__(self, text: str, *, status: int = 200, location: str = ""):
        self.text = text
        self.status = status
        self.location = location

    @cached_property
    def products(self) -> dict[str, int]:
        """The stock of each product on the page, in page order."""
        return {unescape(slug): int(stock) for slug, stock in PRODUCT.findall(self.text)}

    @property
    def has_products(self) -> bool:
        """Whether the page shows any product."""
        return bool(self.products)

    @cached_property
    def cart_lines(self) -> dict[str, int]:
        """The number of units of each product in the cart."""
        return {unescape(slug): int(units) for slug, units in CART_LINE.findall(self.text)}

    @cached_property
    def cart_units(self) -> int | None:
        """The number of units in the cart, from the page header."""
        found = CART_UNITS.search(self.text)
        return int(found[1]) if found else None

    @cached_property
    def cart_total(self) -> Decimal | None:
        """The total of the cart in euros."""
        found = CART_TOTAL.search(self.text)
        return Decimal(found[1]) if found else None

    @cached_property
    def order_total(self) -> Decimal | None:
        """The total of the order in euros."""
        found = ORDER_TOTAL.search(self.text)
        return Decimal(found[1]) if found else None

    @cached_property
    def refusal(self) -> str | None:
        """Why the shop refused the order."""
        found = REFUSAL.search(self.text)
        return found[1] if found else None

    @cached_property
    def receipt(self) -> dict[str, int]:
        """The number of units of each product, by product name, as shown at the checkout and on an order's page."""
        return {unescape(name): int(units) for units, name in RECEIPT_LINE.findall(self.text)}

    @cached_property
    def static_files(self) -> list[str]:
        """The distinct URLs of the stylesheet, icon and pictures, in page order."""
        return list(dict.fromkeys(unescape(url) for url in STATIC.findall(self.text)))

    @cached_property
    def shelves(self) -> list[str]:
        """The distinct URLs of the categories."""
        return list(dict.fromkeys(unescape(url) for url in SHELF.findall(self.text)))

    @cached_property
    def last_page(self) -> int:
        """The highest linked page number, or 1."""
        return max((int(number) for number in PAGE_NUMBER.findall(self.text)), default=1)

    def field(self, name: str) -> str | None:
        """Return the value of the first input field with this name."""
        for field in INPUT.findall(self.text):
            attributes = dict(ATTRIBUTE.findall(field))
            if attributes.get("name") == name:
                return unescape(attributes.get("value", ""))
        return None
