"""``manage.py nginx_routes``: print the URL names for NGINX."""

from django.core.management.base import BaseCommand

from pomar_telemetry.routes import nginx_routes


class Command(BaseCommand):
    """Print the URL names as entries of NGINX's map."""

    help = "Print the URL names as entries of NGINX's map."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Print them."""
        self.stdout.write(nginx_routes(), ending="")
