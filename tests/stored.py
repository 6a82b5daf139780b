"""Run a real Prometheus that contains given samples."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from lab.runtimes.ports import free_ports
from tests.config.front import ending
from tests.eventually import eventually
from tests.programs import program


@contextmanager
def prometheus_with(samples: Iterable[str], folder: Path) -> Iterator[str]:
    """Run a Prometheus that contains these samples until the end of the block, and yield its URL.

    Samples are lines in OpenMetrics format (``name{labels} value seconds``). Within each series, they must be sorted by
    time.
    """
    rows: dict[str, list[str]] = {}
    for line in samples:
        rows.setdefault(line.partition("{")[0], []).append(line)
    given = folder / "samples.txt"
    families = "".join(f"# TYPE {name} unknown\n" + "\n".join(lines) + "\n" for name, lines in rows.items())
    given.write_text(f"{families}# EOF\n", encoding="utf-8")
    data = folder / "data"
    promtool = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", given, data]
    subprocess.run(promtool, check=True, capture_output=True)
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    (port,) = free_ports(1)
    command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=30d"]
    with ending(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: requests.get(f"{url}/api/v1/query?query=1", timeout=2).ok, because="it responds", timeout=20)
        yield url


def every_five_seconds(series: str, values: Iterable[float], end: float) -> Iterator[str]:
    """Yield samples of a series, 5 seconds apart. The last one is at ``end``."""
    numbers = list(values)
    first = end - 5 * (len(numbers) - 1)
    for place, value in enumerate(numbers):
        yield f"{series} {value} {first + 5 * place}"


def two_hours_ago() -> float:
    """Return the Unix time two hours ago, rounded down to a minute. Samples that old get their own TSDB block."""
    return (time.time() // 60) * 60 - 7200
