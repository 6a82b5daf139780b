"""Whether the shop is well."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Liveness and readiness; it has no models."""

    name = "health"
