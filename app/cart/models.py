"""Carts and their lines."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django_prometheus.models import ExportModelOperationsMixin
from product.models import MAX_UNITS, Product


class Cart(ExportModelOperationsMixin("cart"), models.Model):
    """One visitor's cart. Its key is stored in the visitor's session, so nobody else can access it.

    A cart is created when the visitor adds the first product. It is kept after the order, because the shop shows an
    order only to the session that owns its cart.
    """

    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"cart {self.pk}"


class CartLine(ExportModelOperationsMixin("cart_line"), models.Model):
    """One product in a cart, and its quantity."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="cart_lines")
    quantity = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(MAX_UNITS)], help_text="Units."
    )

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("cart", "product"), name="cart_line_one_per_product"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1, quantity__lte=MAX_UNITS), name="cart_line_quantity_in_range"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product}"

    @property
    def name(self) -> str:
        """The product's name. Order lines have the same attribute, so templates can show both."""
        return self.product.name

    @property
    def total(self) -> Decimal:
        """The line's total price in euros."""
        return self.product.price * self.quantity

    @property
    def is_short(self) -> bool:
        """Whether the line's quantity is greater than the stock."""
        return self.quantity > self.product.stock
