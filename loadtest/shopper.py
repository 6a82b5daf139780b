"""A visitor who puts things into a cart, and knows what must be in it."""

from collections import Counter
from typing import Any

from loadtest.pages import Page
from loadtest.visitor import Expected, Visitor

TO_THE_CART: Expected = {302: {"location": "/cart/"}}
SOMEBODY_WAS_FASTER: Expected = {409: {"refusal": "out-of-stock"}}

NAMES = ("Ana Sousa", "Bento Alves", "Clara Nunes", "Duarte Reis", "Eva Prata", "Filipe Mota", "Gil Faria", "Íris Melo")
STREETS = ("Rua do Pomar", "Travessa da Macieira", "Largo da Fonte", "Rua das Cerejeiras")
CITIES = (("2560-123", "Torres Vedras"), ("2510-001", "Óbidos"), ("6230-300", "Fundão"), ("3620-400", "Moimenta"))


class Shopper(Visitor):
    """Steps at the cart and the checkout, each of which checks what the shop says afterwards."""

    abstract = True

    def arrive(self) -> None:
        """Come with an empty cart."""
        super().arrive()
        self.cart: Counter[str] = Counter()

    def look_at(self, slug: str) -> Page:
        """Open a product's page."""
        return self.open(f"/product/{slug}/", name="product:detail")

    def add(self, page: Page, slug: str, units: int) -> Page:
        """Put units of the product on ``page`` into the cart and look at it."""
        url = f"/product/{slug}/add/"
        self.submit(url, name="product:add-to-cart", page=page, form={"quantity": units}, expect=TO_THE_CART)
        self.cart[slug] += units
        return self.look_at_cart()

    def change(self, page: Page, slug: str, units: int) -> Page:
        """Set the units of a product in the cart; ``page`` has a form for it."""
        form = {"product": slug, "quantity": units}
        self.submit("/cart/update/", name="cart:update", page=page, form=form, expect=TO_THE_CART)
        self.cart[slug] = units
        return self.look_at_cart()

    def remove(self, page: Page, slug: str) -> Page:
        """Take a product out of the cart that ``page`` shows."""
        self.submit("/cart/remove/", name="cart:remove", page=page, form={"product": slug}, expect=TO_THE_CART)
        del self.cart[slug]
        return self.look_at_cart()

    def look_at_cart(self) -> Page:
        """Open the cart, which must hold what was put there."""
        held = {"cart_lines": dict(self.cart), "cart_units": self.cart.total()}
        return self.open("/cart/", name="cart:cart-summary", expect={200: held})

    def go_to_checkout(self) -> Page:
        """Open the checkout's form."""
        return self.open("/checkout/", name="checkout:checkout", expect={200: {"cart_units": self.cart.total()}})

    def delivery(self, form_page: Page) -> dict[str, Any]:
        """Fill in the checkout's form: who gets the order, and the form's token."""
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
        """Send the checkout's form and nothing else."""
        return self.submit("/checkout/", name="checkout:checkout", page=form_page, form=form, expect=expect)

    def order(self, form_page: Page, form: dict[str, Any], *, cart_page: Page, refusable: bool = False) -> Page:
        """Order the cart and look at the order; with ``refusable`` the stock may not cover it any more.

        The order must be what the checkout listed, at the cart's total, and the cart must be empty then.
        """
        answer = self.send(form_page, form, {302: {}} | (SOMEBODY_WAS_FASTER if refusable else {}))
        if answer.status == 409:
            self.load.tally.orders_refused += 1
            return answer
        self.load.tally.order_placed(cart=self.cart, total=cart_page.cart_total)
        self.cart.clear()
        shows = {"order_total": cart_page.cart_total, "receipt": form_page.receipt, "cart_units": 0}
        self.open(answer.location, name="checkout:order-detail", expect={200: shows})
        return answer
