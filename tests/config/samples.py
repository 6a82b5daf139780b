"""The metrics that a program exposes, as a test reads them."""

import requests
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


def samples(port: int) -> dict[tuple[str, Labels], float]:
    """Return the value of every series that 127.0.0.1:``port``/metrics tells, by its name and its sorted labels."""
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def series(name: str, **labels: str) -> tuple[str, Labels]:
    """Return the key of one series in what :func:`samples` returns."""
    return name, tuple(sorted(labels.items()))


def total(port: int, name: str) -> float:
    """Return the sum of all series of one name."""
    return sum(value for (found, _), value in samples(port).items() if found == name)
