"""Carts, which belong to sessions."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django_prometheus.models import ExportModelOperationsMixin
from product.models import MOST_UNITS, Product


class Cart(ExportModelOperationsMixin("cart"), models.Model):
    """One visitor's cart; the visitor's session holds its key, so nobody else can name it.

    It is made at the first add and outlives the orders placed from it: an order is shown to whoever has
    the cart that it came from.
    """

    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"cart {self.pk}"


class CartLine(ExportModelOperationsMixin("cart_line"), models.Model):
    """So many units of one product."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="cart_lines")
    quantity = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MOST_UNITS)], help_text="Units."
    )

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("cart", "product"), name="cart_line_one_per_product"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, quantity__lte=MOST_UNITS), name="cart_line_quantity_in_range"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"

    @property
    def name(self) -> str:
        """What the line is called, as in an order's line."""
        return self.product.name

    @property
    def total(self) -> Decimal:
        """Price of the line in euro."""
        return self.product.price * self.quantity

    @property
    def is_short(self) -> bool:
        """Whether the stock does not cover the line at the moment."""
        return self.quantity > self.product.stock
