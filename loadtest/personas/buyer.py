"""A visitor who places an order."""

from loadtest.pages import Page
from loadtest.shopper import Shopper

# Products with less stock than this are not bought, so that many buyers at once cannot run out of stock.
PLENTY = 40


class Buyer(Shopper):
    """Fills a cart, changes it, and orders."""

    weight = 3
    pause = (0.1, 0.7)

    def shop(self) -> None:
        """Buy up to three products."""
        page = self.open("/", name="product:list", expect={200: {"cart_units": 0}})
        self.wait()
        for shelf in self.some(page.shelves, 1):
            page = self.open(shelf, name="product:list")
        wanted = self.some((slug for slug, stock in page.products.items() if stock >= PLENTY), 3)
        if not wanted:
            return
        for slug in wanted[self.random.randrange(len(wanted)) :]:
            self.wait()
            page = self.open_product(slug)
            self.wait()
            page = self.add(page, slug, self.random.randint(1, 3))
        self.wait()
        self._buy(self._think_again(page))

    def _think_again(self, cart_page: Page) -> Page:
        first, *others = self.cart
        if self.turn(2):
            cart_page = self.change(cart_page, first, self.cart[first] + 1)
            self.wait()
        if others:
            cart_page = self.remove(cart_page, first)
            self.wait()
        return cart_page

    def _buy(self, cart_page: Page) -> None:
        """Order the cart. A third of the buyers make a typo first, and another third submit the order twice."""
        form_page = self.go_to_checkout()
        self.wait()
        form = self.delivery(form_page)
        if self.turn(3) == 0:
            form_page = self.send(form_page, form | {"email": "nobody"}, {400: {"cart_units": self.cart.total()}})
            self.wait()
        ordered = self.order(form_page, form, cart_page=cart_page)
        if self.turn(3) == 1:
            self.send(form_page, form, {302: {"location": ordered.location}})
            self.load.tally.orders_repeated += 1
