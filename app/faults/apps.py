"""Faults on demand."""

from django.apps import AppConfig


class FaultsConfig(AppConfig):
    """What a lab may break in the shop; it has no models."""

    name = "faults"
