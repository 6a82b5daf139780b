"""Scenes. Each function takes a product's fruits and returns a drawing of what is on the table."""

from collections.abc import Callable

from tools.artwork.containers import bottle, bowl, crate, hamper, jar, punnet
from tools.artwork.fruits import Fruit
from tools.artwork.shapes import BARK, line, oval, path, place, shadow

TABLE = 252


def halved(fruits: list[Fruit]) -> str:
    """One whole fruit with a halved one in front."""
    fruit = fruits[0]
    return shadow(200, TABLE, 130) + place(fruit.whole(), 154, 172, 1.6, -6) + place(fruit.half(), 262, 196, 1.22, 12)


def pair(fruits: list[Fruit]) -> str:
    """Two fruits that lean on each other."""
    return (
        shadow(200, TABLE, 130)
        + place(fruits[0].whole(), 258, 184, 1.36, 16)
        + place(fruits[0].whole(), 152, 174, 1.55, -8)
    )


def trio(fruits: list[Fruit]) -> str:
    """Two fruits behind and one in front."""
    whole = fruits[0].whole()
    return (
        shadow(200, TABLE, 140)
        + place(whole, 134, 168, 1.25, -12)
        + place(whole, 268, 168, 1.25, 10)
        + place(whole, 200, 192, 1.3)
    )


def pile(fruits: list[Fruit]) -> str:
    """A full bowl."""
    whole = fruits[0].whole()
    rows = ((118, (162, 202, 242)), (148, (128, 172, 216, 260)), (176, (116, 156, 200, 244, 284)))
    heap = "".join(place(whole, x, y, 0.58, (x * 7 + y) % 40 - 20) for y, xs in rows for x in xs)
    return shadow(200, TABLE + 2, 110) + heap + place(bowl("#7d9aa3", "#64818b"), 200, TABLE)


def cherries(fruits: list[Fruit]) -> str:
    """A handful of cherries, in pairs."""
    whole = fruits[0].whole()
    return (
        shadow(200, TABLE, 140)
        + place(whole, 268, 164, 1.3, 16)
        + place(whole, 128, 166, 1.3, -14)
        + place(whole, 200, 184, 1.36, 3)
    )


def sprig(fruits: list[Fruit]) -> str:
    """Three bunches of fruit hanging from one twig."""
    whole = fruits[0].whole()
    twig = line("M70 62C140 40 260 46 334 66", BARK, 7)
    return twig + "".join(
        place(whole, x, y, scale, turn)
        for x, y, scale, turn in ((126, 122, 1.25, 8), (274, 124, 1.25, -8), (200, 138, 1.6, 0))
    )


def walnuts(fruits: list[Fruit]) -> str:
    """Two whole walnuts and an open one."""
    nut = fruits[0]
    return (
        shadow(200, TABLE, 140)
        + place(nut.whole(), 200, 136, 1.15, 20)
        + place(nut.whole(), 130, 190, 1.3, -24)
        + place(nut.half(), 262, 196, 1.25, 14)
    )


def a_bottle(kind: str) -> Callable[[list[Fruit]], str]:
    """A bottle with its fruit in front."""

    def scene(fruits: list[Fruit]) -> str:
        left, right = fruits[0].whole(), fruits[-1].whole()
        return (
            shadow(200, TABLE, 120)
            + place(bottle(kind, fruits), 196, TABLE)
            + place(left, 112, 212, 0.84, -10)
            + place(right, 286, 208, 0.94, 10)
        )

    return scene


def a_jar(kind: str) -> Callable[[list[Fruit]], str]:
    """A jar with its fruit next to it."""

    def scene(fruits: list[Fruit]) -> str:
        whole = fruits[0].whole()
        return shadow(205, TABLE, 130) + place(jar(kind, fruits[0]), 176, TABLE, 1.2) + place(whole, 296, 210, 0.86, 10)

    return scene


def honey(fruits: list[Fruit]) -> str:
    """A jar of honey with its dipper and blossoms."""
    rings = "".join(oval(0, y, 17 - abs(y) * 0.35, 5, "#b07c48") for y in (-18, -9, 0, 9, 18))
    dipper = place(line("M0-20L0-118", "#a97843", 8) + rings, 306, 206, 1, 24)
    whole = fruits[0].whole()
    return (
        shadow(205, TABLE, 135)
        + place(jar("honey", fruits[0]), 170, TABLE, 1.2)
        + dipper
        + place(whole, 262, 226, 0.52)
        + place(whole, 66, 222, 0.62, 20)
    )


def a_crate(fruits: list[Fruit]) -> str:
    """A crate filled above its rim."""
    spots = ((128, (146, 200, 254)), (160, (114, 170, 228, 286)))
    drawn = []
    for row, (y, xs) in enumerate(spots):
        drawn += [
            place(fruits[(i + row) % len(fruits)].whole(), x, y, 0.9, (i * 17) % 30 - 14) for i, x in enumerate(xs)
        ]
    return shadow(200, TABLE + 2, 150) + "".join(drawn) + place(crate(), 200, TABLE)


def punnets(fruits: list[Fruit]) -> str:
    """One punnet of each kind."""
    drawn = shadow(200, TABLE + 4, 150)
    for i, (x, y) in enumerate(((134, 172), (266, 172), (134, 254), (266, 254))):
        whole = fruits[i].whole()
        heap = "".join(
            place(whole, x + dx, y - 54 + dy, 0.36, dx) for dx, dy in ((-18, -12), (16, -12), (-36, 4), (0, 4), (36, 4))
        )
        drawn += heap + place(punnet(("#d9b98a", "#c9a676")[i in (1, 2)]), x, y)
    return drawn


def bottles(fruits: list[Fruit]) -> str:
    """A crate of bottles."""
    standing = "".join(
        place(bottle("bottle", [fruits[i % len(fruits)]]), x, TABLE - 12, 0.86) for i, x in enumerate((122, 200, 278))
    )
    return shadow(200, TABLE + 2, 150) + standing + place(crate(height=88), 200, TABLE)


def jars(fruits: list[Fruit]) -> str:
    """Three jars, tied together."""
    row = "".join(
        place(jar("jar", fruit), x, TABLE - dy, 0.86)
        for fruit, x, dy in zip(fruits, (94, 306, 200), (10, 10, 0), strict=True)
    )
    bow = place(
        path("M0 0C-26-26-44-6-24 6C-12 12-4 6 0 0C4 6 12 12 24 6C44-6 26-26 0 0Z", "#c8452f")
        + line("M0 2L-14 30M0 2L14 30", "#c8452f", 7),
        200,
        226,
    )
    return shadow(200, TABLE, 165) + row + line("M38 226C100 232 300 232 362 226", "#c8452f", 9) + bow


def a_hamper(fruits: list[Fruit]) -> str:
    """A basket with a bottle, a jar and fruit."""
    berry, fruit, cordial = fruits
    inside = (
        place(bottle("syrup", [cordial]), 144, 236, 0.82)
        + place(jar("jar", berry), 260, 224, 0.76)
        + place(fruit.whole(), 200, 148, 0.72, -8)
    )
    handle = line("M92 160C96 24 304 24 308 160", "#a97843", 11)
    return shadow(200, TABLE + 2, 130) + handle + inside + place(hamper(), 200, TABLE)


SCENES: dict[str, Callable[[list[Fruit]], str]] = {
    "halved": halved,
    "pair": pair,
    "trio": trio,
    "pile": pile,
    "cherries": cherries,
    "sprig": sprig,
    "walnuts": walnuts,
    "bottle": a_bottle("bottle"),
    "flask": a_bottle("flask"),
    "syrup": a_bottle("syrup"),
    "jar": a_jar("jar"),
    "pot": a_jar("pot"),
    "honey": honey,
    "crate": a_crate,
    "punnets": punnets,
    "bottles": bottles,
    "jars": jars,
    "hamper": a_hamper,
}
