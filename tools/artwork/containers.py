"""Containers: bottles, jars, crates, bowls. Each stands on y = 0 with its centre at x = 0."""

from tools.artwork.fruits import Fruit
from tools.artwork.shapes import PAPER, SHINE, box, leaf, line, oval, path, place

WOOD, WOOD_DARK, WOOD_LIGHT = "#cf9f63", "#a97843", "#e0b981"
GLASS = "#ffffff"
BOTTLES = {
    # shape: glass, liquid, neck (width, top), label (top, height)
    "bottle": (
        "M-13-214L-13-168C-13-146-40-142-40-116L-40-10Q-40 0-30 0L30 0Q40 0 40-10L40-116C40-142 13-146 13-168L13-214Z",
        "M-10-176L-10-166C-10-143-35-138-35-114L-35-12Q-35-5-28-5L28-5Q35-5 35-12L35-114C35-138 10-143 10-166L10-176Z",
        (30, -222), (-104, 72),
    ),
    "flask": (
        "M-14-190L-14-146C-16-130-52-112-52-70L-52-12Q-52 0-40 0L40 0Q52 0 52-12L52-70C52-112 16-130 14-146L14-190Z",
        "M-11-152L-11-144C-12-126-47-108-47-68L-47-14Q-47-5-38-5L38-5Q47-5 47-14L47-68C47-108 12-126 11-144L11-152Z",
        (32, -198), (-84, 62),
    ),
    "syrup": (
        "M-12-220L-12-150C-12-134-32-132-32-112L-32-10Q-32 0-24 0L24 0Q32 0 32-10L32-112C32-132 12-134 12-150L12-220Z",
        "M-9-188L-9-148C-9-130-27-127-27-110L-27-12Q-27-5-21-5L21-5Q27-5 27-12L27-110C27-127 9-130 9-148L9-188Z",
        (26, -230), (-100, 70),
    ),
}  # fmt: skip


def label(fruits: list[Fruit], y: float, width: float, height: float, edge: str) -> str:
    """Return a paper label around y with the fruits on it."""
    paper = box(-width / 2, y, width, height, PAPER, rx=5) + box(
        -width / 2 + 4, y + 4, width - 8, height - 8, "none", rx=3, stroke=edge, stroke_width=1.6
    )
    size = (0.46 if len(fruits) == 1 else 0.33) * height / 70
    spots = [0.0] if len(fruits) == 1 else [-width * 0.21, width * 0.21]
    drawn = "".join(place(fruit.whole(), x, y + height / 2 + 2, size) for fruit, x in zip(fruits, spots, strict=False))
    return paper + drawn


def bottle(kind: str, fruits: list[Fruit]) -> str:
    """A bottle of juice, with its label."""
    glass, liquid, (cap_width, cap_top), (label_top, label_height) = BOTTLES[kind]
    juice = fruits[-1].juice
    width = {"bottle": 80, "flask": 104, "syrup": 64}[kind]
    drawing = path(glass, GLASS, opacity=0.55) + path(liquid, juice)
    drawing += line(f"M{-width / 2 + 11:g} {label_top - 8:g}L{-width / 2 + 11:g}-16", SHINE, 5, opacity=0.4)
    if kind == "syrup":
        drawing += oval(0, cap_top + 4, 13, 8, "#f3ece0") + box(-11, cap_top + 8, 22, 8, "#c8452f", rx=2)
        drawing += line("M-12-206C-22-200-18-186-12-182M12-206C22-200 18-186 12-182", "#8a8278", 2.5)
    else:
        cap = {"bottle": "#5d7f38", "flask": "#b07c48"}[kind]
        drawing += box(-cap_width / 2, cap_top, cap_width, 22, cap, rx=4)
        drawing += line(
            f"M{-cap_width / 2 + 6:g} {cap_top + 6:g}L{-cap_width / 2 + 6:g} {cap_top + 16:g}", SHINE, 3, opacity=0.35
        )
    return drawing + label(fruits, label_top, width - 6, label_height, juice)


def jar(kind: str, fruit: Fruit) -> str:
    """A jar of jam, jelly or honey, with its label."""
    half, height = {"jar": (62, 128), "pot": (68, 104), "honey": (72, 116)}[kind]
    drawing = box(-half, -height, 2 * half, height, GLASS, rx=18, opacity=0.6)
    drawing += box(-half + 6, -height + 16, 2 * half - 12, height - 22, fruit.jam, rx=12)
    drawing += line(f"M{-half + 14} {-height + 28}L{-half + 14}-22", SHINE, 5, opacity=0.4)
    drawing += label([fruit], -height + 34, half * 1.36, height - 50, fruit.jam)
    return drawing + {"jar": _cloth, "pot": _lid, "honey": _lid}[kind](half, -height, fruit)


def _cloth(half: float, top: float, fruit: Fruit) -> str:
    """A checked cloth, tied with a string."""
    wide, colour = half + 4, fruit.jam
    crown = f"M{-wide + 12:g} {top - 24:g}Q0 {top - 34:g} {wide - 12:g} {top - 24:g}"
    hem = f"{crown}L{wide - 8:g} {top:g}L{wide + 6:g} {top + 18:g}"
    scallops = "".join(f"q{-wide * 0.2 - 1.2:g} 9 {-wide * 0.4 - 2.4:g} 0" for _ in range(5))
    cloth = path(f"{hem}{scallops}L{-wide + 8:g} {top:g}Z", PAPER)
    checks = "".join(
        line(f"M{x * 0.8:g} {top - 24 + abs(x) * 0.04:g}L{x:g} {top + 16:g}", colour, 6, opacity=0.45)
        for x in range(-48, 49, 16)
    )
    checks += "".join(
        line(f"M{-wide + 16:g} {top + y}L{wide - 16:g} {top + y}", colour, 5, opacity=0.35) for y in (-17, -7, 10)
    )
    string = line(f"M{-wide + 8:g} {top + 1:g}L{wide - 8:g} {top + 1:g}", "#a97843", 4)
    bow = line(f"M0 {top + 1:g}c-14-12-24 0-12 5zM0 {top + 1:g}c14-12 24 0 12 5z", "#a97843", 3)
    return cloth + checks + string + bow


def _lid(half: float, top: float, fruit: Fruit) -> str:
    """A screw lid."""
    ridges = "".join(
        line(f"M{x} {top - 8:g}L{x} {top + 2:g}", "#a8802f", 2) for x in range(-int(half) + 14, int(half) - 8, 9)
    )
    return (
        box(-half + 2, top - 16, 2 * half - 4, 24, "#d6a94a", rx=6)
        + ridges
        + line(f"M{-half + 10:g} {top - 11:g}L{half - 10:g} {top - 11:g}", SHINE, 3, opacity=0.5)
    )


def bowl(glaze: str, shade: str) -> str:
    """The front of a bowl, 220 units wide, with its rim at y = -74."""
    body = path("M-112-74C-110-24-62 0-40 0L40 0C62 0 110-24 112-74Z", glaze)
    side = path("M40 0C62 0 110-24 112-74L84-74C80-34 56-8 16 0Z", shade)
    return body + side + line("M-108-58C-60-48 60-48 108-58", PAPER, 4, opacity=0.7) + line("M-113-74L113-74", shade, 6)


def crate(width: float = 250, height: float = 92) -> str:
    """The front of a wooden crate."""
    half, slat = width / 2, (height - 12) / 3
    slats = "".join(
        box(-half, -height + i * (slat + 6), width, slat, WOOD if i % 2 else WOOD_LIGHT, rx=3) for i in range(3)
    )
    streak = f"h{width * 0.28:g}m{width * 0.1:g} 3h{width * 0.16:g}"
    grain = "".join(
        line(f"M{-half + 46:g} {-height + i * (slat + 6) + slat / 2:g}{streak}", WOOD_DARK, 1.6, opacity=0.5)
        for i in range(3)
    )
    posts = "".join(box(x, -height - 6, 18, height + 6, WOOD_DARK, rx=3) for x in (-half + 6, half - 24))
    nails = "".join(
        oval(x, -height + i * (slat + 6) + slat / 2, 2.2, 2.2, "#6b4a2e")
        for x in (-half + 15, half - 15)
        for i in range(3)
    )
    return slats + grain + posts + nails


def hamper(width: float = 230, height: float = 96) -> str:
    """The front of a woven basket."""
    half = width / 2
    left = f"M{-half:g} {-height:g}L{-half + 22:g}-8Q{-half + 24:g} 0 {-half + 34:g} 0"
    right = f"L{half - 34:g} 0Q{half - 24:g} 0 {half - 22:g}-8L{half:g} {-height:g}Z"
    body = path(left + right, WOOD)
    weave = "".join(
        line(f"M{x + (10 if row % 2 else 0):g} {-height + 20 + row * 18:g}q8-7 16 0", colour, 5)
        for row, colour in enumerate((WOOD_DARK, WOOD_LIGHT, WOOD_DARK, WOOD_LIGHT))
        for x in range(int(-half) + 16 + row * 4, int(half) - 34 - row * 4, 21)
    )
    return (
        body
        + weave
        + box(-half - 6, -height - 8, width + 12, 18, WOOD_DARK, rx=9)
        + line(f"M{-half + 4:g} {-height - 1:g}h{width - 8:g}", WOOD_LIGHT, 3, stroke_dasharray="10 9")
    )


def punnet(colour: str) -> str:
    """The front of a small card punnet, 110 wide."""
    return (
        path("M-55-44L-46 0L46 0L55-44Z", colour)
        + path("M55-44L46 0L22 0L27-44Z", "#000000", opacity=0.08)
        + box(-58, -50, 116, 11, colour, rx=3)
        + leaf(-14, -18, 0.6, -10)
    )
