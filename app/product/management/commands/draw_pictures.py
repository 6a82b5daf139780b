"""Draw the catalogue's pictures."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from product import drawing

FOLDER = Path(__file__).resolve().parents[2] / "static" / "product" / "pictures"


class Command(BaseCommand):
    """Writes every picture and takes away those of products that are gone."""

    help = "Draw the picture of every product of the catalogue; commit what it writes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Draw and say how many."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        pictures = drawing.pictures()
        for name, content in pictures.items():
            (FOLDER / name).write_text(content, encoding="utf-8")
        for old in FOLDER.glob("*.svg"):
            if old.name not in pictures:
                old.unlink()
        self.stdout.write(f"pictures: {len(pictures)} drawn")
