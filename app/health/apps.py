"""Health checks."""

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Liveness and readiness; this app has no models."""

    name = "health"
