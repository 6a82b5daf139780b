"""``manage.py nginx_routes``: print nginx/routes.conf."""

from django.core.management.base import BaseCommand

from pomar_telemetry.routes import nginx_routes


class Command(BaseCommand):
    """Print the URL names of the shop as entries of NGINX's map."""

    help = "Print nginx/routes.conf: the URL names of the shop as entries of NGINX's map."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        """Print them."""
        self.stdout.write(nginx_routes(), ending="")
