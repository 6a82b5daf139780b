"""Read the metrics that a program exposes."""

import requests
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


def samples(port: int) -> dict[tuple[str, Labels], float]:
    """Return the value of every series at 127.0.0.1:``port``/metrics, keyed by name and sorted labels."""
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def series(name: str, **labels: str) -> tuple[str, Labels]:
    """Return the key of this series in the result of :func:`samples`."""
    return name, tuple(sorted(labels.items()))


def total(port: int, name: str) -> float:
    """Return the sum of the values of all series with this name."""
    return sum(value for (found, _), value in samples(port).items() if found == name)
