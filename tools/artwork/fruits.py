"""Every fruit, whole and halved, drawn around (0, 0) in an area of about 100 by 100 units."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tools.artwork.shapes import BARK, LEAF, LEAF_DARK, leaf, line, oval, path, place, shine, stem

APPLE = "M0-30C-14-44-50-40-48 2C-47 32-24 48-10 46C-4 45-3 43 0 43C3 43 4 45 10 46C24 48 47 32 48 2C50-40 14-44 0-30Z"
PEAR = "M0-48C-13-48-17-34-20-20C-24-4-42 4-42 26C-42 44-22 50 0 50C22 50 42 44 42 26C42 4 24-4 20-20C17-34 13-48 0-48Z"
BERRY_HEART = "M0 48C-16 44-44 6-40-18C-37-34-14-38 0-32C14-38 37-34 40-18C44 6 16 44 0 48Z"


class Fruit(NamedTuple):
    """A fruit's drawing, and the colours of its juice, its jam and its background."""

    whole: Callable[[], str]
    juice: str
    jam: str
    tint: str
    half: Callable[[], str] | None = None


def apple(skin: str, shade: str, blush: str, *, stripes: bool = False) -> str:
    """An apple with a stalk and a leaf."""
    drawing = path(APPLE, skin) + path("M10 46C24 48 47 32 48 2C49-24 34-39 16-37C34-18 34 22 10 46Z", shade)
    if stripes:
        for d in ("M-36-14C-40 4-34 22-26 32", "M-20-30C-27-6-24 22-14 36", "M-3-26C-9 0-8 20-3 34"):
            drawing += line(d, blush, 4.5, opacity=0.75)
    else:
        drawing += oval(-14, 14, 22, 24, blush, opacity=0.65)
    return (
        drawing
        + path("M-15-35C-6-26 6-26 15-35C6-32-6-32-15-35Z", shade)
        + stem()
        + leaf(4, -42)
        + shine(-27, -12, 7, 13)
    )


def apple_half(skin: str, flesh: str, core: str) -> str:
    """A halved apple with its pips."""
    pips = "".join(
        place(path("M0-8C5-3 5 6 0 8C-5 6-5-3 0-8Z", BARK), x, 6, turn=turn) for x, turn in ((-8, 14), (8, -14))
    )
    heart = path("M0-14C-20-14-22 14 0 26C22 14 20-14 0-14Z", core)
    return path(APPLE, skin) + place(path(APPLE, flesh), 0, 1, 0.9) + heart + pips + stem()


def pear(skin: str, shade: str, blush: str, *, slender: bool = False) -> str:
    """A pear with a stalk and a leaf."""
    body = path(PEAR, skin) + path("M0 50C22 50 42 44 42 26C42 4 24-4 20-20C18-32 15-44 6-47C14-20 34 10 0 50Z", shade)
    body += oval(-12, 26, 19, 16, blush, opacity=0.6) + shine(-14, 0, 5, 13, 18)
    body += "".join(oval(x, y, 1.6, 1.6, shade) for x, y in ((-22, 14), (-6, 8), (-28, 32), (-8, 40), (-4, -18)))
    if slender:
        body = f'<g transform="scale(.82 1.08)">{body}</g>'
    return body + stem("M0-46C0-54 3-60 9-65") + leaf(4, -56, 0.85, 10)


def pear_half(skin: str, flesh: str, core: str) -> str:
    """A halved pear."""
    pips = "".join(
        place(path("M0-7C4-3 4 5 0 7C-4 5-4-3 0-7Z", BARK), x, 24, turn=turn) for x, turn in ((-6, 14), (6, -14))
    )
    heart = path("M0 4C-15 8-15 32 0 40C15 32 15 8 0 4Z", core)
    return path(PEAR, skin) + place(path(PEAR, flesh), 0, 1, 0.9) + heart + pips + stem("M0-46C0-54 3-60 9-65")


def stone_fruit(skin: str, shade: str, blush: str, *, width: float = 44, height: float = 44) -> str:
    """A plum, peach or apricot: round, with its seam."""
    drawing = oval(0, 0, width, height, skin) + oval(
        -width * 0.3, height * 0.22, width * 0.5, height * 0.55, blush, opacity=0.7
    )
    seam = f"M2 {-height:g}C{width * 0.44:g} {-height * 0.5:g} {width * 0.44:g} {height * 0.5:g} 2 {height:g}"
    drawing += line(seam, shade, 4) + shine(-width * 0.46, -height * 0.36, width * 0.14, height * 0.27)
    return (
        drawing
        + stem(f"M1 {-height + 2:g}C1 {-height - 6:g} 3 {-height - 10:g} 7 {-height - 14:g}", 4.5)
        + leaf(3, -height - 4, 0.85)
    )


def stone_fruit_half(skin: str, flesh: str, stone: str, *, width: float = 44, height: float = 44) -> str:
    """A halved plum, peach or apricot with its stone."""
    cut = oval(0, 0, width, height, skin) + oval(0, 0, width - 5, height - 5, flesh)
    kernel = oval(0, 0, width * 0.4, height * 0.46, stone)
    veins = line("M-6-10C-2-2-2 6-6 12M5-12C9-4 9 4 5 12", "#5c3a22", 2.2, opacity=0.6)
    return cut + oval(0, 0, width * 0.5, height * 0.56, skin, opacity=0.35) + kernel + veins


def quince(skin: str, shade: str) -> str:
    """A quince, between a pear and an apple in shape."""
    left = "M0-40C-12-46-20-34-32-24C-50-10-52 20-38 36C-28 48-12 44 0 48"
    body = f"{left}C12 44 28 48 38 36C52 20 50-10 32-24C20-34 12-46 0-40Z"
    side = "M0 48C12 44 28 48 38 36C52 20 50-10 32-24C24-31 18-39 10-42C30-14 34 24 0 48Z"
    fuzz = "".join(oval(x, y, 2.4, 2.4, "#fff3b8") for x, y in ((-26, 6), (-14, 22), (-30, 24), (-10, -4), (-4, 34)))
    return (
        path(body, skin)
        + path(side, shade)
        + fuzz
        + stem("M0-40C0-46 2-50 5-54")
        + leaf(3, -44)
        + shine(-24, -10, 6, 12, 34)
    )


def cherries(skin: str, shade: str) -> str:
    """Two cherries on their stalks."""
    stalks = line("M-22 12C-20-18-4-38 14-52M24 20C26-6 22-32 14-52", LEAF_DARK, 4)
    fruit = "".join(
        oval(x, y, 23, 22, skin)
        + path(f"M{x} {y + 22}A23 22 0 0 0 {x + 8} {y - 20}A30 30 0 0 1 {x} {y + 22}Z", shade)
        + shine(x - 9, y - 7, 4, 7)
        for x, y in ((-24, 26), (24, 30))
    )
    return stalks + fruit + leaf(14, -50, 0.95, 14)


def strawberry(skin: str, shade: str) -> str:
    """A strawberry with its seeds and collar."""
    spots = (
        (-22, -12),
        (-6, -16),
        (12, -14),
        (26, -8),
        (-24, 6),
        (-8, 4),
        (8, 6),
        (22, 10),
        (-12, 22),
        (4, 24),
        (-2, 38),
    )
    seeds = "".join(oval(x, y, 2.1, 3.3, "#f8d978") for x, y in spots)
    tips = "M-30-32C-18-40-10-36-4-46C-2-40 4-40 6-46C10-36 20-40 30-32"
    collar = path(f"{tips}C22-24 16-28 12-18C6-26 2-26-2-18C-6-28-18-22-30-32Z", LEAF)
    side = path("M0 48C16 44 44 6 40-18C38-28 29-33 18-34C32-8 24 26 0 48Z", shade)
    return (
        path(BERRY_HEART, skin)
        + side
        + seeds
        + collar
        + line("M1-42C1-50 4-54 8-58", LEAF_DARK, 4.5)
        + shine(-26, -16, 4, 8)
    )


def bramble(skin: str, light: str) -> str:
    """A raspberry or blackberry: a cluster of drops."""
    rows = (
        (-18, (-26, -9, 9, 26)),
        (-1, (-30, -15, 0, 15, 30)),
        (15, (-22, -7, 8, 23)),
        (30, (-13, 1, 15)),
        (41, (0,)),
    )
    drops = "".join(oval(x, y, 10.5, 10.5, skin) + oval(x - 3, y - 3, 4, 4, light) for y, xs in rows for x in xs)
    collar = path("M-26-26C-16-38-8-34 0-44C8-34 16-38 26-26C14-20 8-26 0-18C-8-26-14-20-26-26Z", LEAF)
    body = path("M0 50C-22 44-42 4-34-18C-28-32 28-32 34-18C42 4 22 44 0 50Z", skin)
    return body + drops + collar + line("M0-38C0-48 2-52 5-56", LEAF_DARK, 4.5)


def blueberry(skin: str, shade: str, crown: str) -> str:
    """A blueberry with its crown."""
    star = path("M0-18L6-9L17-10L11-1L16 9L5 8L0 17L-5 8L-16 9L-11-1L-17-10L-6-9Z", crown)
    return (
        oval(0, 0, 44, 42, skin)
        + path("M6 41A44 42 0 0 0 14-40A50 50 0 0 1 6 41Z", shade)
        + place(star, 4, -8, 0.9)
        + shine(-26, -8, 6, 12)
    )


def bunch(skin: str, shade: str, *, size: float = 11) -> str:
    """Currants or grapes on one stalk, under a leaf."""
    beads = ((-16, -22), (14, -24), (-24, -4), (0, -10), (23, -6), (-15, 13), (11, 10), (-3, 27), (14, 29), (4, 44))
    fruit = "".join(
        oval(x, y, size, size, skin)
        + oval(x + size * 0.2, y + size * 0.5, size * 0.4, size * 0.25, shade)
        + oval(x - size * 0.35, y - size * 0.35, size * 0.27, size * 0.27, "#ffffff", opacity=0.55)
        for x, y in beads
    )
    return line("M2-54C-2-30 4 0 2 40", LEAF_DARK, 4) + fruit + leaf(2, -46, 1.0, 6) + leaf(0, -44, 0.8, 190)


def gooseberry() -> str:
    """A gooseberry with its stripes and its tail."""
    veins = "M-14-40C-32-14-32 18-12 42M0-43C-10-14-10 18 0 43M14-40C32-14 32 18 12 42"
    return (
        oval(0, 0, 36, 43, "#b5c765")
        + line(veins, "#dbe7a0", 3)
        + line("M0 43C0 50-4 52-5 56M0 43C2 50 4 52 6 55", BARK, 3.5)
        + line("M0-42C0-50 4-54 8-58", LEAF_DARK, 4)
        + shine(-16, -16, 5, 10)
    )


def walnut() -> str:
    """A walnut in its shell."""
    grain = "M-22-22C-30-6-28 14-18 26M-12-10C-18 0-16 12-8 22M22-22C30-6 28 14 18 26M12-10C18 0 16 12 8 22"
    return (
        oval(0, 0, 40, 44, "#b98b56")
        + line("M0-44C-6-20 6 20 0 44", "#7d5630", 4)
        + line(grain, "#8f6638", 3.5)
        + shine(-20, -26, 5, 9)
    )


def walnut_half() -> str:
    """A halved walnut with its kernel."""
    left = "M0-30C-10-34-16-26-20-18C-32-14-30 2-24 8C-28 20-16 30-2 28L0 24"
    kernel = f"{left}L2 28C16 30 28 20 24 8C30 2 32-14 20-18C16-26 10-34 0-30Z"
    return (
        oval(0, 0, 40, 44, "#9a6c3c")
        + oval(0, 0, 34, 38, "#7d5630")
        + path(kernel, "#e3bd83")
        + line("M0-28L0 24M-16-8C-8-4-8 8-14 14M16-8C8-4 8 8 14 14", "#b98b56", 3.5)
    )


def rhubarb() -> str:
    """Two stalks of rhubarb under one leaf."""
    stalks = (
        line("M-14 52C-10 20-8 0-2-20", "#c8435a", 15)
        + line("M14 52C10 24 8 4 2-20", "#e0697a", 15)
        + line("M16 48C12 24 10 4 5-14", "#f2a3ac", 3)
    )
    return (
        stalks
        + path("M0-12C-30-6-46-24-36-40C-34-54-12-60 0-52C12-60 34-54 36-40C46-24 30-6 0-12Z", LEAF)
        + line("M0-14L0-44M0-22L-20-36M0-22L20-36", "#d98b95", 3)
    )


def elderflower() -> str:
    """An umbel of elderflower."""
    stalks = line(
        "M0 52C0 30 0 16 0 4M0 20C-8 6-22-4-32-8M0 20C8 6 22-4 32-8M0 14C-4 0-12-14-16-26M0 14C4 0 12-14 16-26", LEAF, 4
    )
    spots = ((-34, -10), (34, -10), (-18, -30), (18, -30), (0, -12), (0, -40), (-18, -8), (18, -8))
    return stalks + "".join(place(flower("#fffbe8", "#e5c85a"), x, y, 0.34, 20 * i) for i, (x, y) in enumerate(spots))


def flower(petal: str, heart: str) -> str:
    """A blossom of five petals."""
    petals = "".join(
        place(oval(0, -25, 18, 24, petal, stroke="#d9b9a4", stroke_width=1.5), 0, 0, turn=72 * i) for i in range(5)
    )
    return petals + oval(0, 0, 11, 11, heart)


def fruit_of(draw: Callable[..., str], *colours: str, juice: str, jam: str, tint: str, **more: object) -> Fruit:
    """Return a fruit that is only shown whole."""
    return Fruit(partial(draw, *colours, **more), juice, jam, tint)


def cut_fruit(
    draw: Callable[..., str],
    cut: Callable[..., str],
    outside: tuple[str, ...],
    inside: tuple[str, str],
    juice: str,
    jam: str,
    tint: str,
    size: tuple[float, float] | None = None,
    **more: bool,
) -> Fruit:
    """Return a fruit that is also shown halved. ``inside`` has the colours of its flesh and core."""
    sized = {} if size is None else {"width": size[0], "height": size[1]}
    return Fruit(partial(draw, *outside, **sized, **more), juice, jam, tint, partial(cut, outside[0], *inside, **sized))
