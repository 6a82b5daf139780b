"""A visitor who browses and searches, and now and then adds a product to the cart and removes it again."""

from loadtest.shopper import Shopper

WORDS = ("apple", "pear", "plum", "cherry", "jam", "juice", "box", "honey", "quince", "raspberry")
WORDS_FOR_NOTHING = ("motor+oil", "zebra", "umbrella", "left+handed+hammer")


class Browser(Shopper):
    """The most frequent persona."""

    weight = 4

    def shop(self) -> None:
        """Open categories, search, and open products."""
        page = self.open("/", name="product:list", expect={200: {"cart_units": 0}})
        self.wait()
        if self.turn(2):
            page = self.open(f"/?page={self.random.randint(2, max(2, page.last_page))}", name="product:list")
            self.wait()
        for shelf in self.some(page.shelves, 1):
            page = self.open(shelf, name="product:list")
            self.wait()
        self._search()
        self.wait()
        for slug in self.some(page.products, 2):
            page = self.open_product(slug)
            self.wait()
        if self.turn(3) == 0 and page.field("quantity"):
            page = self.add(page, slug, 1)
            self.wait()
            self.remove(page, slug)

    def _search(self) -> None:
        if self.turn(3) == 1:
            url = f"/search/?q={self.random.choice(WORDS_FOR_NOTHING)}"
            self.open(url, name="product:search", expect={200: {"has_products": False}})
            return
        url = f"/search/?q={self.random.choice(WORDS)}"
        page = self.open(url, name="product:search", expect={200: {"has_products": True}})
        for slug in self.some(page.products, 1):
            self.wait()
            self.open_product(slug)
