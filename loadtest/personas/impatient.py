"""Somebody impatient: reloads, clicks on, leaves."""

from loadtest.visitor import Visitor


class Impatient(Visitor):
    """Clicks without reading; every answer is still waited for, since a request cut off cannot be counted."""

    weight = 2
    pause = (0.05, 0.2)

    def shop(self) -> None:
        """Reload the list, open something, and be gone before its picture is there."""
        page = self.open("/", name="product:list")
        for _ in range(self.random.randint(2, 6)):
            self.wait()
            self.request("GET", "/", name="product:list")
        for slug in self.some(page.products, 2):
            self.wait()
            self.request("GET", f"/product/{slug}/", name="product:detail")
