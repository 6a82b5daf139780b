"""Fault injection."""

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    """Faults that a lab can inject into the shop. This app has no models."""

    name = "faults"
