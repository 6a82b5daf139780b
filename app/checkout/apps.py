"""The checkout."""

from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    """From a cart to an order."""

    name = "checkout"
