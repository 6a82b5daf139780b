"""The cart."""

from django.apps import AppConfig


class CartConfig(AppConfig):
    """The products that visitors want to buy. A cart lasts as long as its visitor's session."""

    name = "cart"
