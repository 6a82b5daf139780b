"""The shop's pictures, drawn by program so that sixty products look like one shop.

``manage.py draw_pictures`` writes them; they are committed, and a test fails when they are stale.
"""

from product import catalogue
from product.drawing.containers import hamper
from product.drawing.orchard import FRUITS
from product.drawing.scenes import SCENES, TABLE
from product.drawing.shapes import box, oval, place

MADE_BY = "Drawn by manage.py draw_pictures from product/catalogue.json"


def picture(*, scene: str, fruits: tuple[str, ...]) -> str:
    """An SVG picture of 400 by 300 units: a scene with those fruits on a quiet ground."""
    drawn = [FRUITS[name] for name in fruits]
    return _framed(SCENES[scene](drawn), tint=drawn[0].tint)


def pictures() -> dict[str, str]:
    """File name and content of every picture: one a product, and the basket for what nobody drew yet."""
    files = {f"{item.slug}.svg": picture(scene=item.scene, fruits=item.fruits) for item in catalogue.items()}
    files["basket.svg"] = _framed(place(hamper(), 200, TABLE), tint="#f6ecd6")
    return files


def _framed(drawing: str, *, tint: str) -> str:
    ground = box(0, 0, 400, 300, tint) + oval(200, 150, 128, 128, "#ffffff", opacity=0.4)
    table = box(0, TABLE - 6, 400, 300 - TABLE + 6, "#8a6a45", opacity=0.14)
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300"><!-- {MADE_BY} -->'
    return f"{opening}\n{ground}{table}{drawing}\n</svg>\n"
