"""The catalogue."""

from django.apps import AppConfig


class ProductConfig(AppConfig):
    """Categories and products, as a visitor sees them and the shopkeeper keeps them."""

    name = "product"
    verbose_name = "Catalogue"
