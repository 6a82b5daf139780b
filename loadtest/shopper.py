"""A visitor with a cart, who checks the cart's content after each step."""

from collections import Counter
from typing import Any

from loadtest.pages import Page
from loadtest.visitor import Expected, Visitor

TO_THE_CART: Expected = {302: {"location": "/cart/"}}
OUT_OF_STOCK: Expected = {409: {"refusal": "out-of-stock"}}

NAMES = ("Ana Sousa", "Bento Alves", "Clara Nunes", "Duarte Reis", "Eva Prata", "Filipe Mota", "Gil Faria", "Íris Melo")
STREETS = ("Rua do Pomar", "Travessa da Macieira", "Largo da Fonte", "Rua das Cerejeiras")
CITIES = (("2560-123", "Torres Vedras"), ("2510-001", "Óbidos"), ("6230-300", "Fundão"), ("3620-400", "Moimenta"))


class Shopper(Visitor):
    """A visitor who shops. Each step has a method, which checks the page that the shop shows afterwards."""

    abstract = True

    def arrive(self) -> None:
        """Start a visit with an empty cart."""
        super().arrive()
        self.cart: Counter[str] = Counter()

    def open_product(self, slug: str) -> Page:
        """Open a product's page."""
        return self.open(f"/product/{slug}/", name="product:detail")

    def add(self, page: Page, slug: str, units: int) -> Page:
        """Add units of the product on ``page`` to the cart, and open the cart."""
        url = f"/product/{slug}/add/"
        self.submit(url, name="product:add-to-cart", page=page, form={"quantity": units}, expect=TO_THE_CART)
        self.cart[slug] += units
        return self.open_cart()

    def change(self, page: Page, slug: str, units: int) -> Page:
        """Change the number of units of a product in the cart. ``page`` contains the form for this."""
        form = {"product": slug, "quantity": units}
        self.submit("/cart/update/", name="cart:update", page=page, form=form, expect=TO_THE_CART)
        self.cart[slug] = units
        return self.open_cart()

    def remove(self, page: Page, slug: str) -> Page:
        """Remove a product from the cart that ``page`` shows."""
        self.submit("/cart/remove/", name="cart:remove", page=page, form={"product": slug}, expect=TO_THE_CART)
        del self.cart[slug]
        return self.open_cart()

    def open_cart(self) -> Page:
        """Open the cart, which must contain exactly what was added to it."""
        shown = {"cart_lines": dict(self.cart), "cart_units": self.cart.total()}
        return self.open("/cart/", name="cart:cart-summary", expect={200: shown})

    def go_to_checkout(self) -> Page:
        """Open the checkout form."""
        return self.open("/checkout/", name="checkout:checkout", expect={200: {"cart_units": self.cart.total()}})

    def delivery(self, form_page: Page) -> dict[str, Any]:
        """Return the values for the checkout form: a random name and address, and the form's token."""
        postal_code, city = self.random.choice(CITIES)
        return {
            "name": self.random.choice(NAMES),
            "email": f"visitor-{self.number}@example.com",
            "street": f"{self.random.choice(STREETS)} {self.random.randint(1, 80)}",
            "postal_code": postal_code,
            "city": city,
            "token": form_page.field("token") or "",
        }

    def send(self, form_page: Page, form: dict[str, Any], expect: Expected) -> Page:
        """Submit the checkout form, without opening the order."""
        return self.submit("/checkout/", name="checkout:checkout", page=form_page, form=form, expect=expect)

    def order(self, form_page: Page, form: dict[str, Any], *, cart_page: Page, refusable: bool = False) -> Page:
        """Place an order for the cart and open the order's page.

        If ``refusable`` is true, the shop may refuse the order because of insufficient stock. An order must match the
        checkout form and the cart's total, and the cart must be empty afterwards.
        """
        page = self.send(form_page, form, {302: {}} | (OUT_OF_STOCK if refusable else {}))
        if page.status == 409:
            self.load.tally.orders_refused += 1
            return page
        self.load.tally.order_placed(cart=self.cart, total=cart_page.cart_total)
        self.cart.clear()
        shows = {"order_total": cart_page.cart_total, "receipt": form_page.receipt, "cart_units": 0}
        self.open(page.location, name="checkout:order-detail", expect={200: shows})
        return page
