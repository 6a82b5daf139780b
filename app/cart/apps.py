"""The cart."""

from django.apps import AppConfig


class CartConfig(AppConfig):
    """The products that a visitor wants to buy. A cart lives as long as the visitor's session."""

    name = "cart"
