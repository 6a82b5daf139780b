"""Durations in Prometheus's format, and how they are shortened for the lab."""

import re

#: Prometheus's scrape interval.
SCRAPE_SECONDS = 5
#: The lab's rules divide production durations by this factor, but windows stay at least four scrape intervals long.
LAB_FACTOR = 15
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def seconds(text: str) -> int:
    """Return a duration such as ``5m`` in seconds. Raise ValueError for any other form."""
    found = re.fullmatch(r"(\d+)([dhms])", text)
    if not found:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m, 6h or 3d")
    return int(found[1]) * UNITS[found[2]]


def text(length: int) -> str:
    """Return a number of seconds in Prometheus's format: ``5m``, ``20s``, ``0s``."""
    for unit, size in UNITS.items():
        if length and length % size == 0:
            return f"{length // size}{unit}"
    return "0s"


def shortened(length: str, factor: int, minimum: int = 0) -> str:
    """Return a duration divided by a factor, rounded up to whole scrape intervals, but at least ``minimum`` seconds."""
    scrapes = -(-seconds(length) // (factor * SCRAPE_SECONDS)) if factor > 1 else seconds(length) / SCRAPE_SECONDS
    return text(max(int(scrapes * SCRAPE_SECONDS), minimum))


def window(length: str, factor: int) -> str:
    """Return a rate window: a shortened duration, but at least four scrape intervals."""
    return shortened(length, factor, minimum=4 * SCRAPE_SECONDS)


def rough(seconds: float) -> str:
    """Return a rounded duration for display: ``42 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def in_words(length: float) -> str:
    """Return a duration in the largest unit that gives at least 2: ``90 s``, ``2 hours``, ``2.5 days``."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if length >= 2 * size:
            return f"{length / size:g} {unit}"
    return f"{length:g} s"
