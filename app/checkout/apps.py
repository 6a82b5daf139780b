"""The checkout."""

from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    """Turns carts into orders."""

    name = "checkout"
