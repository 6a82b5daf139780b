"""The catalogue: categories and products with their stock."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.templatetags.static import static
from django.urls import reverse
from django_prometheus.models import ExportModelOperationsMixin

#: The maximum number of units of one product in a cart.
MAX_UNITS = 99

DEFAULT_PICTURE = "product/pictures/basket.svg"


class Category(ExportModelOperationsMixin("category"), models.Model):
    """A category of products."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the navigation.")

    class Meta:
        ordering = ("position", "name")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the URL of the category's product list."""
        return reverse("product:list", kwargs={"category": self.slug})


class Product(ExportModelOperationsMixin("product"), models.Model):
    """A product and its stock."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=120)
    description = models.TextField()
    price = models.DecimalField(
        max_digits=7, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))], help_text="In euros."
    )
    unit = models.CharField(max_length=40, help_text="What one unit is, for example 1 kg.")
    stock = models.PositiveIntegerField(default=0, help_text="Units in stock.")

    class Meta:
        ordering = ("category__position", "name", "pk")
        constraints = (
            models.CheckConstraint(condition=models.Q(stock__gte=0), name="product_stock_not_below_zero"),
            models.CheckConstraint(condition=models.Q(price__gt=0), name="product_price_above_zero"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the URL of the product's page."""
        return reverse("product:detail", kwargs={"slug": self.slug})

    @property
    def picture(self) -> str:
        """The URL of the product's picture, or of the default picture if it has none."""
        try:
            return static(f"product/pictures/{self.slug}.svg")
        except ValueError:
            return static(DEFAULT_PICTURE)
