"""The catalogue."""

from django.apps import AppConfig


class ProductConfig(AppConfig):
    """Categories and products, with their pages and their administration."""

    name = "product"
    verbose_name = "Catalogue"
