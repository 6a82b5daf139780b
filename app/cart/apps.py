"""The cart."""

from django.apps import AppConfig


class CartConfig(AppConfig):
    """What a visitor wants to buy, kept for as long as the session."""

    name = "cart"
