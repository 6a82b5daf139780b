"""The catalogue: categories and products with their stock."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.templatetags.static import static
from django.urls import reverse
from django_prometheus.models import ExportModelOperationsMixin

#: Units of one product that a visitor can buy at once.
MOST_UNITS = 99

PICTURE_OF_THE_UNPICTURED = "product/pictures/basket.svg"


class Category(ExportModelOperationsMixin("category"), models.Model):
    """A shelf of the shop."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the navigation.")

    class Meta:
        ordering = ("position", "name")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The list of its products."""
        return reverse("product:list", kwargs={"category": self.slug})


class Product(ExportModelOperationsMixin("product"), models.Model):
    """Something that can be bought, with what is left of it."""

    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    slug = models.SlugField(unique=True, max_length=80)
    name = models.CharField(max_length=120)
    description = models.TextField()
    price = models.DecimalField(
        max_digits=7, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))], help_text="Euro."
    )
    unit = models.CharField(max_length=40, help_text="What the price is for, as in 1 kg.")
    stock = models.PositiveIntegerField(default=0, help_text="Units left to sell.")

    class Meta:
        ordering = ("category__position", "name", "pk")
        constraints = (
            models.CheckConstraint(condition=models.Q(stock__gte=0), name="product_stock_not_below_zero"),
            models.CheckConstraint(condition=models.Q(price__gt=0), name="product_price_above_zero"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its own page."""
        return reverse("product:detail", kwargs={"slug": self.slug})

    @property
    def picture(self) -> str:
        """Address of its picture; a product that nobody drew yet has the basket."""
        try:
            return static(f"product/pictures/{self.slug}.svg")
        except ValueError:
            return static(PICTURE_OF_THE_UNPICTURED)
