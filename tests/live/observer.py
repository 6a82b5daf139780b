"""Observe the lab only through its URLs, so that the live tests work with every runtime."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime

import requests
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from lab import http
from lab.runs.ledger.snapshot import EXPORTERS
from lab.runtimes import services
from lab.runtimes.base import Runtime
from tests.eventually import eventually

#: Longer than a scrape, a rule evaluation and another scrape combined.
SETTLED_SECONDS = 20


class Observer:
    """Requests the lab's URLs, the exporters' metrics pages and Prometheus's API.

    The runtime provides the URLs. To override one, set the environment variable ``LAB_URL_<SERVICE>``, for example
    ``LAB_URL_PROMETHEUS=http://127.0.0.1:9999``.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.ca_file = os.environ.get("LAB_CA_FILE", str(runtime.ca_file))
        self.shop = self._url(runtime, "nginx")
        self.prometheus = self._url(runtime, "prometheus")
        self.stats = f"http://localhost:{runtime.settings['APP_STATS_PORT']}"
        self._runtime = runtime

    @staticmethod
    def _url(runtime: Runtime, name: str) -> str:
        return os.environ.get(f"LAB_URL_{name.upper()}", runtime.url(services.named(name), ""))

    def page(self, job: str, pod: str = "") -> str:
        """Fetch an exporter's metrics page, from any pod of the shop unless one is named."""
        return self._runtime.read(services.named(EXPORTERS[job]), "/metrics", pod=pod)

    def samples(self, job: str) -> Iterator[Sample]:
        """Fetch an exporter's metrics page from each pod of the shop and yield the samples."""
        for pod in self._runtime.pods():
            for family in text_string_to_metric_families(self.page(job, pod)):
                yield from family.samples

    def on_page(self, job: str, name: str, **labels: str) -> float:
        """Fetch an exporter's metrics pages and return the sum of the samples with this name and these labels."""
        return sum(
            sample.value
            for sample in self.samples(job)
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def workers(self) -> dict[int, dict]:
        """Return what uWSGI's stats server reports about each worker, by slot."""
        stats = json.loads(self._runtime.read(services.named("app"), "/", port="APP_STATS_PORT"))
        return {worker["id"]: worker for worker in stats["workers"]}

    def master(self) -> int:
        """Return the uWSGI master's PID in uWSGI's own PID namespace."""
        return json.loads(self._runtime.read(services.named("app"), "/", port="APP_STATS_PORT"))["pid"]

    def query(self, expression: str, at: float | None = None) -> list[dict]:
        """Return the result of an instant query; fail the test with Prometheus's error message if it is rejected."""
        parameters = {"query": expression} | ({"time": at} if at else {})
        answer = http.get(f"{self.prometheus}/api/v1/query", params=parameters, timeout=10).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return answer["data"]["result"]

    def value(self, expression: str, at: float | None = None) -> float:
        """Return the single value of an instant query, or 0 if there is no series yet."""
        result = self.query(expression, at)
        assert len(result) <= 1, f"{expression} returned {len(result)} series, expected at most one"
        return float(result[0]["value"][1]) if result else 0.0

    def total(self, selector: str, at: float | None = None) -> float:
        """Return the sum of the series that were scraped within the last 15 s.

        Without a stale marker, Prometheus considers a series current for five minutes. After a restart of the lab, a
        plain sum would therefore still include the old counters.
        """
        return self.value(f"sum(last_over_time({selector}[15s]))", at)

    def becomes(self, figure: Callable[[], float], wanted: float, because: str) -> None:
        """Wait until ``figure``, which queries Prometheus, returns ``wanted``; fail at once if it returns more."""

        def not_too_much() -> float:
            seen = figure()
            assert seen <= wanted, f"{because}: Prometheus has {seen}, more than the expected {wanted}"
            return seen

        eventually(not_too_much, because=because, timeout=SETTLED_SECONDS, wanted=lambda seen: seen == wanted)

    def settled_at(self) -> float:
        """Wait until every target has been scraped and then every rule evaluated, and return the current Unix time.

        Scrapes and evaluations from before this call do not count.
        """
        began = self.now()
        eventually(
            lambda: self.value("min(timestamp(up))"),
            because="each target is scraped within 5 s",
            timeout=SETTLED_SECONDS,
            wanted=lambda oldest: oldest > began,
        )
        scraped = self.now()
        eventually(
            self._oldest_evaluation,
            because="each rule is evaluated within 5 s",
            timeout=SETTLED_SECONDS,
            wanted=lambda oldest: oldest > scraped,
        )
        return self.now()

    def _oldest_evaluation(self) -> float:
        answer = http.get(f"{self.prometheus}/api/v1/rules", timeout=5).json()
        return min(datetime.fromisoformat(group["lastEvaluation"]).timestamp() for group in answer["data"]["groups"])

    def now(self) -> float:
        """Return Prometheus's current Unix time."""
        return self.value("vector(time())")

    def client(self) -> requests.Session:
        """Return an HTTP client that trusts only the lab's CA, regardless of environment variables."""
        return http.visitor(self.ca_file)


def send_signal(runtime: Runtime, number: signal.Signals, *pids: int) -> bool:
    """Send a signal to uWSGI processes, given their PIDs in uWSGI's namespace; return whether all of them existed."""
    kill = f"kill -{number.value} {' '.join(map(str, pids))}"
    return runtime.run(["sh", "-c", kill], stdin=subprocess.DEVNULL).returncode == 0
