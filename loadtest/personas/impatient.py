"""An impatient visitor, who reloads pages, clicks through products and leaves."""

from loadtest.visitor import Visitor


class Impatient(Visitor):
    """Clicks without reading, but waits for every response, because aborted requests could not be counted exactly."""

    weight = 2
    pause = (0.05, 0.2)

    def shop(self) -> None:
        """Reload the product list, open products, and leave without fetching static files."""
        page = self.open("/", name="product:list")
        for _ in range(self.random.randint(2, 6)):
            self.wait()
            self.request("GET", "/", name="product:list")
        for slug in self.some(page.products, 2):
            self.wait()
            self.request("GET", f"/product/{slug}/", name="product:detail")
