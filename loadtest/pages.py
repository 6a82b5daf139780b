"""What a visitor can read off the shop's pages, by the marks that the shop leaves there for programs."""

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
    """A page's text, read only as far as it is asked for; a mark that is missing is None."""

    def __init__(self, text: str, *, status: int = 200, location: str = ""):
        self.text = text
        self.status = status
        self.location = location

    @cached_property
    def products(self) -> dict[str, int]:
        """Stock by product, in the page's order."""
        return {unescape(slug): int(stock) for slug, stock in PRODUCT.findall(self.text)}

    @property
    def has_products(self) -> bool:
        """Whether there is any product on the page."""
        return bool(self.products)

    @cached_property
    def cart_lines(self) -> dict[str, int]:
        """Units by product in the cart."""
        return {unescape(slug): int(units) for slug, units in CART_LINE.findall(self.text)}

    @cached_property
    def cart_units(self) -> int | None:
        """Units in the cart, as every page's header says."""
        found = CART_UNITS.search(self.text)
        return int(found[1]) if found else None

    @cached_property
    def cart_total(self) -> Decimal | None:
        """What the cart comes to, in euros."""
        found = CART_TOTAL.search(self.text)
        return Decimal(found[1]) if found else None

    @cached_property
    def order_total(self) -> Decimal | None:
        """What the order came to, in euros."""
        found = ORDER_TOTAL.search(self.text)
        return Decimal(found[1]) if found else None

    @cached_property
    def refusal(self) -> str | None:
        """Why no order was made."""
        found = REFUSAL.search(self.text)
        return found[1] if found else None

    @cached_property
    def receipt(self) -> dict[str, int]:
        """Units by product name, at the checkout and on an order's page."""
        return {unescape(name): int(units) for units, name in RECEIPT_LINE.findall(self.text)}

    @cached_property
    def static_files(self) -> list[str]:
        """Addresses of the stylesheet, icon and pictures, each once, in the page's order."""
        return list(dict.fromkeys(unescape(url) for url in STATIC.findall(self.text)))

    @cached_property
    def shelves(self) -> list[str]:
        """Addresses of the categories, each once."""
        return list(dict.fromkeys(unescape(url) for url in SHELF.findall(self.text)))

    @cached_property
    def last_page(self) -> int:
        """The highest page number that is linked, 1 when there is none."""
        return max((int(number) for number in PAGE_NUMBER.findall(self.text)), default=1)

    def field(self, name: str) -> str | None:
        """Return the value of the first input field with this name."""
        for field in INPUT.findall(self.text):
            attributes = dict(ATTRIBUTE.findall(field))
            if attributes.get("name") == name:
                return unescape(attributes.get("value", ""))
        return None
