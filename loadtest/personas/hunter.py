"""A bargain hunter. In a flash sale, all hunters want the same few products, and there is not enough stock for all."""

from loadtest.pages import Page
from loadtest.shopper import Shopper

SALE_SHELF = "/category/boxes/"
PRODUCTS_ON_SALE = 3


class Hunter(Shopper):
    """Adds many units, hesitates at the checkout, and orders what is left if the order is refused."""

    pause = (0.5, 2.0)

    def shop(self) -> None:
        """Try to buy one of the products on sale."""
        page = self.open(SALE_SHELF, name="product:list")
        on_sale = list(page.products)[:PRODUCTS_ON_SALE]
        self.load.tally.stock_seen({slug: page.products[slug] for slug in on_sale})
        for slug in self.some(on_sale, 1):
            self.wait()
            page = self.open_product(slug)
            if page.field("quantity"):
                self._hunt(page, slug)

    def _hunt(self, page: Page, slug: str) -> None:
        cart_page = self.add(page, slug, self.random.randint(4, 12))
        page = self._try_to_order(cart_page)
        if page.status == 409 and (left := page.products[slug]):
            self._try_to_order(self.change(page, slug, left))

    def _try_to_order(self, cart_page: Page) -> Page:
        self.wait()
        form_page = self.go_to_checkout()
        self.wait()
        return self.order(form_page, self.delivery(form_page), cart_page=cart_page, refusable=True)
