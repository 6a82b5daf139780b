"""The catalogue."""

from django.apps import AppConfig


class ProductConfig(AppConfig):
    """Categories and products, with their shop and admin pages."""

    name = "product"
    verbose_name = "Catalogue"
