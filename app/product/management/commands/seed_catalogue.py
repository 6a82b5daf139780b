"""``manage.py seed_catalogue``: load the catalogue into the database."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from product import services

MAX_STOCK = 1_000_000


def stock_level(text: str) -> int:
    """Parse the value of ``--stock``. Raises ArgumentTypeError if it is not a whole number in range."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_STOCK):
        raise ArgumentTypeError(f"must be a whole number from 0 to {MAX_STOCK}")
    return int(text)


class Command(BaseCommand):
    """Loads the catalogue in one transaction. Running it again is safe."""

    help = "Create or update the categories and products in catalogue.json. Running it again is safe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that set the stock."""
        parser.add_argument(
            "--restock", action="store_true", help="set the stock of every product to its catalogue value"
        )
        parser.add_argument(
            "--stock", type=stock_level, metavar="N", help="with --restock: set the stock of every product to N"
        )

    def handle(self, *args: Any, restock: bool, stock: int | None, **options: Any) -> None:
        """Load the catalogue and print the result in one line."""
        if stock is not None and not restock:
            raise CommandError("--stock needs --restock: use both options.")
        done = services.catalogue_seed(restock=restock, stock=stock)
        self.stdout.write(
            f"catalogue: {done.created} created, {done.updated} updated, {done.unchanged} unchanged, "
            f"{done.restocked} restocked"
        )
