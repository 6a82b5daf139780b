"""SVG elements as strings. Coordinates are in units of the drawing, angles in degrees."""

BARK = "#6b4a2e"
LEAF = "#6d9440"
LEAF_DARK = "#527430"
PAPER = "#fdf6e6"
SHINE = "#ffffff"


def path(d: str, fill: str = "none", **more: object) -> str:
    """A path. Further attributes are keyword arguments with _ instead of -."""
    return f'<path d="{d}" fill="{fill}"{attributes(more)}/>'


def oval(x: float, y: float, rx: float, ry: float, fill: str, **more: object) -> str:
    """An ellipse around (x, y)."""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" fill="{fill}"{attributes(more)}/>'


def box(x: float, y: float, width: float, height: float, fill: str, **more: object) -> str:
    """A rectangle from its upper left corner."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{attributes(more)}/>'


def line(d: str, colour: str, width: float, **more: object) -> str:
    """A stroke with round ends."""
    return path(d, stroke=colour, stroke_width=width, stroke_linecap="round", **more)


def place(drawing: str, x: float, y: float, scale: float = 1.0, turn: float = 0.0) -> str:
    """A drawing moved to (x, y), rotated and scaled around its own centre."""
    transform = f"translate({x:g} {y:g})"
    transform += f" rotate({turn:g})" if turn else ""
    transform += f" scale({scale:g})" if scale != 1 else ""
    return f'<g transform="{transform}">{drawing}</g>'


def attributes(more: dict[str, object]) -> str:
    """Return attributes in SVG syntax."""
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())


def leaf(x: float, y: float, scale: float = 1.0, turn: float = 0.0) -> str:
    """A leaf that points to the right from (x, y)."""
    blade = path("M0 0C6-16 24-20 40-14C34 2 16 8 0 0Z", LEAF)
    return place(blade + line("M2-1C14-6 24-9 34-12", LEAF_DARK, 2), x, y, scale, turn)


def stem(d: str = "M0-30C0-40 3-47 8-53", width: float = 5) -> str:
    """A stalk."""
    return line(d, BARK, width)


def shine(x: float, y: float, rx: float, ry: float, turn: float = 24) -> str:
    """A highlight."""
    return place(oval(0, 0, rx, ry, SHINE, opacity=0.34), x, y, turn=turn)


def shadow(x: float, y: float, width: float) -> str:
    """The shadow of an object on the table."""
    return oval(x, y, width, width * 0.11, "#3b2a1a", opacity=0.16)
