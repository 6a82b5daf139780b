"""A lost visitor, who follows old links, makes typos and opens pages that require a login."""

from collections.abc import Callable
from uuid import UUID

from loadtest.visitor import NOT_FOUND, Visitor

NOWHERE = ("/wp-login.php", "/index.html", "/products/42", "/.env", "/blog/harvest", "/cart/empty/")
WRONG_QUANTITIES = ("0", "-1", "100000", "many", "")


class Lost(Visitor):
    """Provokes every kind of error and redirect that the shop returns, and checks that it gets the expected one."""

    weight = 1

    def shop(self) -> None:
        """Run all errands in random order."""
        errands: list[Callable[[], None]] = [
            self._unknown_paths,
            self._unknown_things,
            self._outdated_address,
            self._forgotten_slash,
            self._wrong_quantity,
            self._empty_checkout,
            self._staff_door,
        ]
        if self.load.options.http_url:
            errands += [self._plain_http, self._refused_method]
        for errand in self.random.sample(errands, k=len(errands)):
            errand()
            self.wait()

    def _unknown_paths(self) -> None:
        for path in self.random.sample(NOWHERE, k=2):
            self.open(path, name="other", expect=NOT_FOUND)

    def _unknown_things(self) -> None:
        self.open("/product/golden-fleece/", name="product:detail", expect=NOT_FOUND)
        self.open("/category/vegetables/", name="product:list", expect=NOT_FOUND)
        order = UUID(int=self.random.getrandbits(128), version=4)
        self.open(f"/orders/{order}/", name="checkout:order-detail", expect=NOT_FOUND)

    def _outdated_address(self) -> None:
        page = self.request("GET", "/?page=1", name="product:list", expect={301: {"location": "/"}})
        self.open(page.location, name="product:list")

    def _forgotten_slash(self) -> None:
        page = self.request("GET", "/cart", name="other", expect={301: {"location": "/cart/"}})
        self.open(page.location, name="cart:cart-summary")

    def _wrong_quantity(self) -> None:
        page = self.open("/", name="product:list")
        for slug in self.some((slug for slug, stock in page.products.items() if stock), 1):
            page = self.open(f"/product/{slug}/", name="product:detail")
            form = {"quantity": self.random.choice(WRONG_QUANTITIES)}
            self.submit(f"/product/{slug}/add/", name="product:add-to-cart", page=page, form=form, expect={400: {}})

    def _empty_checkout(self) -> None:
        self.open("/checkout/", name="checkout:checkout", expect={302: {"location": "/cart/"}})

    def _staff_door(self) -> None:
        self.open("/admin/login/", name="admin:login")

    def _plain_http(self) -> None:
        page = self.request("GET", f"{self.load.options.http_url}/cart/", name="redirect", expect={308: {}})
        self.request("GET", page.location, name="cart:cart-summary")

    def _refused_method(self) -> None:
        self.request("PUT", "/", name="refused", expect={405: {}})
