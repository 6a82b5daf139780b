"""``manage.py nginx_routes``: print Django's URL names as entries for an NGINX map."""

from django.core.management.base import BaseCommand

from pomar_telemetry.routes import nginx_routes


class Command(BaseCommand):
    """Prints the map's entries."""

    help = "Print Django's URL names as entries for an NGINX map."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Print the entries."""
        self.stdout.write(nginx_routes(), ending="")
