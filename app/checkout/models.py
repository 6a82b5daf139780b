"""Orders."""

import secrets
from decimal import Decimal

from cart.models import Cart
from django.db import models
from django.urls import reverse
from django_prometheus.models import ExportModelOperationsMixin
from product.models import Product

REFERENCE_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
REFERENCE_LENGTH = 16


def new_reference() -> str:
    """Return an order reference that cannot be guessed (79 bits) and has no characters that look alike."""
    return "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH))


class Order(ExportModelOperationsMixin("order"), models.Model):
    """An order. Its lines and total do not change when the catalogue changes."""

    reference = models.CharField(max_length=REFERENCE_LENGTH, unique=True, default=new_reference, editable=False)
    token = models.UUIDField(unique=True, editable=False, help_text="Token of the checkout form; one order per token.")
    cart = models.ForeignKey(
        Cart,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="orders",
        help_text="The cart that was ordered; only its session may see the order.",
    )
    placed = models.DateTimeField(auto_now_add=True, db_index=True)
    name = models.CharField(max_length=100)
    email = models.EmailField()
    street = models.CharField(max_length=120)
    postal_code = models.CharField(max_length=12)
    city = models.CharField(max_length=80)
    total = models.DecimalField(max_digits=10, decimal_places=2, editable=False, help_text="In euros.")

    class Meta:
        ordering = ("-placed", "-pk")

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        """Return the URL of the order's page in the shop."""
        return reverse("checkout:order-detail", kwargs={"reference": self.reference})


class OrderLine(ExportModelOperationsMixin("order_line"), models.Model):
    """One product in an order: its quantity, and its name and price at the time of sale."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, related_name="order_lines")
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=40)
    price = models.DecimalField(max_digits=7, decimal_places=2, help_text="In euros per unit.")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_line_quantity_above_zero"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def total(self) -> Decimal:
        """The line's total price in euros."""
        return self.price * self.quantity
