"""When its disk is full, Prometheus still responds to queries, and it recovers once there is space again."""

import json
from collections.abc import Callable, Iterator

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes.compose import engine
from tests.eventually import eventually

NAME = "pomar-test-full-disk"
FILES = {
    "prometheus.yml": "prometheus.yml",
    "rules": "rules",
    "targets/compose.yaml": "targets/lab.yaml",
}


@pytest.fixture
def small_prometheus(inspected, runtime) -> Iterator[Callable[[str], float]]:
    """Run a Prometheus with the lab's configuration and a 24 MiB disk, and yield a function that queries a value."""
    grafana = "grafana.yaml" if "grafana" in runtime.provides else "none.yaml"
    files = FILES | {f"targets/{grafana}": "targets/grafana.yaml"}
    mounts = [f"--volume={ROOT}/prometheus/{source}:/etc/prometheus/{place}:ro,z" for source, place in files.items()]
    options = ["--detach", "--rm", f"--name={NAME}", "--read-only", "--user=65534:65534", "--cap-drop=ALL"]
    options += ["--network=pomar_monitoring", "--tmpfs=/prometheus:size=24m,uid=65534,gid=65534,mode=0755", *mounts]
    flags = ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
    engine.docker("rm", "--force", NAME)
    engine.docker("run", *options, inspected["prometheus"]["Config"]["Image"], *flags)

    def value(query: str) -> float:
        address = f"http://127.0.0.1:9090/api/v1/query?query={query}"
        try:
            said = json.loads(engine.docker("exec", NAME, "wget", "-q", "-O", "-", address).stdout)
            (sample,) = said["data"]["result"]
        except (LabError, ValueError) as error:
            raise ConnectionError(str(error)) from error
        return float(sample["value"][1])

    yield value
    engine.docker("rm", "--force", NAME)


def test_prometheus_survives_a_full_disk(small_prometheus, observer):
    targets = observer.value("count(up)")

    eventually(
        lambda: small_prometheus("count(up==1)"),
        because="Prometheus reaches the lab's targets",
        timeout=30,
        wanted=lambda seen: seen == targets,
    )
    fill = "dd if=/dev/zero of=/prometheus/fill bs=64k 2>/dev/null; true"
    engine.docker("exec", NAME, "sh", "-c", fill)
    eventually(
        lambda: small_prometheus("time()-max(timestamp(up))"),
        because="no more samples can be stored",
        timeout=30,
        wanted=lambda age: age > 11,
    )
    assert small_prometheus("count(up==1)") == targets

    engine.docker("exec", NAME, "rm", "/prometheus/fill")

    eventually(
        lambda: small_prometheus("time()-max(timestamp(up))"),
        because="Prometheus stores samples again without a restart",
        timeout=30,
        wanted=lambda age: age < 6,
    )


def test_the_labs_prometheus_has_retention_limits(runtime, inspected):
    arguments = inspected["prometheus"]["Args"]

    assert f"--storage.tsdb.retention.size={runtime.settings['PROMETHEUS_RETENTION_SIZE']}" in arguments
    assert f"--storage.tsdb.retention.time={runtime.settings['PROMETHEUS_RETENTION_TIME']}" in arguments
