"""The shop's product pictures, drawn by a program in one style.

``make generate`` writes them. They are committed, and a test fails when they are stale.
"""

import json

from lab.paths import ROOT
from tools.artwork.containers import hamper
from tools.artwork.orchard import FRUITS
from tools.artwork.scenes import SCENES, TABLE
from tools.artwork.shapes import box, oval, place

PRODUCT = ROOT / "app" / "product"
#: The folder from which the shop serves the pictures.
FOLDER = PRODUCT / "static" / "product" / "pictures"
MADE_BY = "Drawn by `make generate` from product/catalogue.json"


def picture(*, scene: str, fruits: tuple[str, ...]) -> str:
    """Return an SVG picture of 400 by 300 units: a scene with these fruits on a plain background."""
    drawn = [FRUITS[name] for name in fruits]
    return _framed(SCENES[scene](drawn), tint=drawn[0].tint)


def pictures() -> dict[str, str]:
    """Return the name and content of every file: one for each product, and a basket for products without a picture."""
    products = json.loads((PRODUCT / "catalogue.json").read_text(encoding="utf-8"))["products"]
    files = {
        f"{each['slug']}.svg": picture(scene=each["picture"]["scene"], fruits=tuple(each["picture"]["of"]))
        for each in products
    }
    files["basket.svg"] = _framed(place(hamper(), 200, TABLE), tint="#f6ecd6")
    return files


def write() -> int:
    """Write every picture, remove pictures of products that no longer exist, and return the number written."""
    drawn = pictures()
    for old in FOLDER.glob("*.svg"):
        if old.name not in drawn:
            old.unlink()
    for name, content in drawn.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return len(drawn)


def _framed(drawing: str, *, tint: str) -> str:
    ground = box(0, 0, 400, 300, tint) + oval(200, 150, 128, 128, "#ffffff", opacity=0.4)
    table = box(0, TABLE - 6, 400, 300 - TABLE + 6, "#8a6a45", opacity=0.14)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300"><!-- {MADE_BY} -->'
    return f"{opening}\n{ground}{table}{drawing}\n</svg>\n"
