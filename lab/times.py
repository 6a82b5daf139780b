"""Lengths of time as Prometheus writes them, and how much shorter those of the lab are."""

import re

#: How often Prometheus scrapes.
SCRAPE_SECONDS = 5
#: By how much the lab is faster than production, so that a drill takes seconds and a window is four scrapes at least.
LAB_FACTOR = 15
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def seconds(text: str) -> int:
    """Return a length of time such as ``5m`` in seconds; raises ValueError for another form."""
    found = re.fullmatch(r"(\d+)([dhms])", text)
    if not found:
        raise ValueError(f"{text!r} is no length of time such as 30s, 5m, 6h or 3d")
    return int(found[1]) * UNITS[found[2]]


def text(length: int) -> str:
    """Return seconds as Prometheus writes them: ``5m``, ``20s``, ``0s``."""
    for unit, size in UNITS.items():
        if length and length % size == 0:
            return f"{length // size}{unit}"
    return "0s"


def shortened(length: str, factor: int, least: int = 0) -> str:
    """Return a length of time divided by a factor, in whole scrapes, and not less than ``least`` seconds."""
    scrapes = -(-seconds(length) // (factor * SCRAPE_SECONDS)) if factor > 1 else seconds(length) / SCRAPE_SECONDS
    return text(max(int(scrapes * SCRAPE_SECONDS), least))


def window(length: str, factor: int) -> str:
    """Return a window over which a rate is taken: shortened, but of four scrapes at least."""
    return shortened(length, factor, least=4 * SCRAPE_SECONDS)


def rough(seconds: float) -> str:
    """Return a length of time as a person says it: ``42 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def in_words(length: float) -> str:
    """Return seconds in the largest unit of which there are at least two: ``90 s``, ``2 hours``, ``2.5 days``."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if length >= 2 * size:
            return f"{length / size:g} {unit}"
    return f"{length:g} s"
