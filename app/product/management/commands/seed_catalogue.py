"""Fill the shop's shelves."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from product import services

MOST_STOCK = 1_000_000


def stock_level(text: str) -> int:
    """A stock that a database column holds, from what was typed."""
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_STOCK):
        raise ArgumentTypeError(f"must be a whole number from 0 to {MOST_STOCK}")
    return int(text)


class Command(BaseCommand):
    """Seeds the catalogue; repeatable, all or nothing."""

    help = "Bring the catalogue to the state of its data file; the same result every time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two options about stock."""
        parser.add_argument(
            "--restock", action="store_true", help="set the stock of every product to its catalogue value"
        )
        parser.add_argument(
            "--stock", type=stock_level, metavar="N", help="with --restock: set every stock to N instead"
        )

    def handle(self, *args: Any, restock: bool, stock: int | None, **options: Any) -> None:
        """Seed and say in one line what happened."""
        if stock is not None and not restock:
            raise CommandError("--stock sets the level of a restock: use it together with --restock.")
        done = services.catalogue_seed(restock=restock, stock=stock)
        self.stdout.write(
            f"catalogue: {done.created} created, {done.updated} updated, {done.unchanged} unchanged, "
            f"{done.restocked} restocked"
        )
