"""Test the ledger of a shop that runs as several pods.

The pods' metrics pages come from an API server, through the pod proxy. A real Prometheus scrapes the same pages.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from lab.runs import archive
from lab.runs.ledger import books, snapshot, text
from lab.runs.ledger.books import Ledger
from lab.runtimes import settings
from lab.runtimes.kubernetes.pods import Pods
from lab.runtimes.ports import free_ports
from lab.runtimes.services import Service
from tests.config.front import ending
from tests.eventually import eventually
from tests.lab import api_server
from tests.lab.api_server import PORTS, ApiServer, Pod
from tests.programs import program

NAMES = ("shop-a", "shop-b", "shop-c")
#: Enough time for two scrapes, in seconds.
TWO_SCRAPES = 3.5
LIST, CART, READY = "product:list", "cart:cart-summary", "health:ready"


@dataclass
class InCluster:
    """The parts of a runtime that the ledger uses, for pods of an API server."""

    cluster: Pods
    prometheus: str
    labels: dict[str, str]

    def url(self, service: Service, path: str = "/") -> str:
        return f"{self.prometheus}{path}"

    def pods(self) -> dict[str, str]:
        return self.cluster.states()

    def read(self, service: Service, path: str, *, port: str = "", pod: str = "") -> str:
        return self.cluster.read(pod, int(settings.load({})[port or service.port]), path)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[ApiServer, str]]:
    with api_server.running() as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(server: tuple[ApiServer, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes the pods' pages every second, and its URL. A pod that does not exist is down.

    It also scrapes a pod of another shop, whose counters increase like those of the first pod.
    """
    folder = tmp_path_factory.mktemp("prometheus")
    (port,) = free_ports(1)
    targets = [
        {
            "targets": [server[1].removeprefix("http://")],
            "labels": {
                **{"job": job, "namespace": namespace, "pod": pod, "instance": pod},
                "__metrics_path__": f"/api/v1/namespaces/pomar/pods/{page}:{number}/proxy/metrics",
            },
        }
        for namespace, pod, page in [*(("pomar", name, name) for name in NAMES), ("other", "other-a", NAMES[0])]
        for job, number in PORTS.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "pods", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with ending([*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder, stderr=-3, stdout=-3):
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: requests.get(f"{url}/-/ready", timeout=2).ok, because="it responds", timeout=20)
        yield url


@pytest.fixture
def api(server: tuple[ApiServer, str]) -> Iterator[ApiServer]:
    """The API server with two pods that have already served some requests."""
    api = server[0]
    with api.lock:
        api.pods = {name: Pod(name) for name in NAMES[:2]}
        for pod in api.pods.values():
            pod.serve(LIST, 50, load=False)
    yield api
    with api.lock:
        api.pods, api.refuses = {}, 0


@pytest.fixture
def runtime(api: ApiServer, server: tuple[ApiServer, str], prometheus: str) -> InCluster:
    def get(path: str) -> str:
        response = requests.get(f"{server[1]}{path}", timeout=5)
        response.raise_for_status()
        return response.text

    return InCluster(Pods(get, "pomar", api_server.SELECTOR), prometheus, {"namespace": "pomar"})


@pytest.fixture
def run(runtime: InCluster, tmp_path: Path) -> Callable[[Callable[[], dict[str, int]]], Ledger]:
    """A function that calls its argument between two snapshots and returns the ledger.

    The argument returns the number of requests that Locust sent, by route.
    """

    def ledger(during: Callable[[], dict[str, int]]) -> Ledger:
        opening = books.open_books(runtime)
        sent = during()
        closing = snapshot.take(runtime, patience=20)
        result = {"counts": {route: {"GET": {"200": n}} for route, n in sent.items()}, "seconds": {}}
        (tmp_path / "run.json").write_text(
            json.dumps(result | {"books": {"opening": opening.as_json(), "closing": closing.as_json()}})
        )
        return archive.read(runtime, tmp_path / "run.json").ledger

    return ledger


def holds(ledger: Ledger) -> None:
    """Fail and print the ledger unless it is exact."""
    assert (ledger.verdict, ledger.reasons) == ("exact", []), text.page(ledger)


def lines(ledger: Ledger) -> dict[str, int]:
    return {line.what: line.count for line in ledger.account.lines}


def pods_that_ended(ledger: Ledger) -> list[str]:
    """Return the pods whose last counts the ledger took from Prometheus."""
    pattern = r"pod (.+) ended during the run; its counts are from its last scrape, at "
    return [found[1] for note in ledger.notes if (found := re.match(pattern, note))]


def stop(api: ApiServer, name: str) -> None:
    """Stop a pod gracefully: it is scraped twice more after its last request."""
    api.pods[name].deleted = True
    time.sleep(TWO_SCRAPES)
    with api.lock:
        del api.pods[name]


def test_the_counts_of_two_pods_are_added_up(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-a"].serve(LIST, 30)
            api.pods["shop-b"].serve(LIST, 12)
            api.pods["shop-b"].serve(CART, 5)
        return {LIST: 42, CART: 5}

    ledger = run(load)

    holds(ledger)
    assert [(row.route, row.sent, row.logged, row.answered) for row in ledger.account.rows] == [
        (CART, 5, 5, 5),
        (LIST, 42, 42, 42),
    ]
    assert pods_that_ended(ledger) == []


def test_the_probes_of_each_pods_kubelet_are_health_checks(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            for pod, probes in (("shop-a", 3), ("shop-b", 4)):
                api.pods[pod].serve(LIST, 10)
                api.pods[pod].serve(READY, probes, load=False)
        return {LIST: 20}

    ledger = run(load)

    holds(ledger)
    assert lines(ledger)["health checks"] == 7


def test_a_pod_that_starts_during_the_run_counts_from_zero(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-c"] = Pod("shop-c")
            api.pods["shop-c"].serve(LIST, 25)
            api.pods["shop-a"].serve(LIST, 10)
        return {LIST: 35}

    holds(run(load))


def test_a_pod_that_is_stopped_during_the_run_keeps_its_last_counts(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-a"].serve(LIST, 10)
            api.pods["shop-b"].serve(LIST, 20)
        stop(api, "shop-b")
        return {LIST: 30}

    ledger = run(load)

    holds(ledger)
    assert pods_that_ended(ledger) == ["shop-b"]


def test_pods_that_are_replaced_one_after_the_other_lose_no_count(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-a"].serve(LIST, 10)
            api.pods["shop-c"] = Pod("shop-c")
        stop(api, "shop-a")
        with api.lock:
            api.pods["shop-c"].serve(LIST, 7)
            api.pods["shop-b"].serve(CART, 3)
        stop(api, "shop-b")
        return {LIST: 17, CART: 3}

    ledger = run(load)

    holds(ledger)
    assert pods_that_ended(ledger) == ["shop-a", "shop-b"]


def test_a_pod_that_starts_and_is_stopped_during_the_run_is_counted(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-c"] = Pod("shop-c")
            api.pods["shop-c"].serve(LIST, 40)
        stop(api, "shop-c")
        return {LIST: 40}

    holds(run(load))


def test_the_loss_of_a_pod_that_is_killed_is_named(api, run):
    def load() -> dict[str, int]:
        began = time.monotonic()
        sent = 0
        while time.monotonic() < began + TWO_SCRAPES:
            with api.lock:
                api.pods["shop-b"].serve(LIST)
            sent += 1
            time.sleep(0.05)
        with api.lock:
            del api.pods["shop-b"]
        return {LIST: sent}

    ledger = run(load)

    assert (ledger.verdict, ledger.account.differences) == ("unknown", []), text.page(ledger)
    lost = [reason for reason in ledger.reasons if "ended before its counts had settled" in reason]
    assert [reason.rpartition(" from ")[2] for reason in lost] == ["NGINX's access log", "Django", "uWSGI"]
    assert {row.logged for row in ledger.account.rows} == {None}


def test_a_restarted_container_is_named_with_its_pod(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-a"].serve(LIST, 10)
            # Its counters are then higher than before, so only their start time shows the restart.
            api.pods["shop-b"].restart_app()
            api.pods["shop-b"].serve(LIST, 200)
        return {LIST: 210}

    ledger = run(load)

    assert ledger.verdict == "unknown"
    assert [reason.rpartition(", at")[0] for reason in ledger.reasons] == [
        "uWSGI was restarted, got SIGHUP or lost the metrics directory, which reset Django's counters in pod shop-b",
        "uWSGI was restarted or got SIGHUP, which reset its counters in pod shop-b",
    ]
    assert {row.remainder for row in ledger.account.rows} == {0}


@pytest.mark.parametrize(
    ("job", "metric", "labels", "fault"),
    [
        (
            "nginx-log",
            "nginx_http_load_responses_total",
            {"route": LIST, "method": "GET", "status": "200"},
            "NGINX's access log",
        ),
        ("nginx", "nginx_http_requests_total", {}, "NGINX's stub_status"),
        ("uwsgi", "uwsgi_worker_requests_total", {"worker_id": "1"}, "uWSGI"),
        ("django", "django_http_requests_before_middlewares_total", {}, "Django"),
    ],
)
def test_a_tier_that_miscounts_in_one_pod_is_at_fault(api, run, job, metric, labels, fault):
    def load() -> dict[str, int]:
        with api.lock:
            for name in NAMES[:2]:
                api.pods[name].serve(LIST, 20)
            api.pods["shop-b"].pages[job].add(metric, 5, **labels)
        return {LIST: 40}

    ledger = run(load)

    assert (ledger.verdict, ledger.account.fault) == ("different", fault), text.page(ledger)


def test_a_tier_that_miscounts_in_a_pod_that_is_stopped_is_at_fault(api, run):
    def load() -> dict[str, int]:
        with api.lock:
            api.pods["shop-b"].serve(LIST, 20)
            api.pods["shop-b"].pages["nginx"].add("nginx_http_requests_total", 5)
        stop(api, "shop-b")
        return {LIST: 20}

    ledger = run(load)

    assert (ledger.verdict, ledger.account.fault) == ("different", "NGINX's stub_status"), text.page(ledger)


def test_a_snapshot_waits_until_a_pod_has_been_stopped(api, runtime):
    api.pods["shop-b"].deleted = True

    taken = snapshot.take(runtime, patience=0.5)

    assert taken.moving.startswith("pod shop-b is being stopped")


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_only_running_pods_are_read(api, runtime, phase):
    api.pods["shop-b"].phase = phase

    taken = snapshot.take(runtime)

    assert (taken.moving, taken.silent) == ("", {})
    assert snapshot.pods_of(taken.values["django"]) == {"shop-a"}


def test_an_exporter_that_does_not_respond_is_named_with_its_pod(api, runtime, monkeypatch):
    monkeypatch.setattr(snapshot, "SILENCE_SECONDS", 0.5)
    api.pods["shop-b"].broken = {"uwsgi"}

    taken = snapshot.take(runtime, patience=1)

    assert taken.silent == {"uwsgi": "HTTPError in pod shop-b"}
    assert taken.values.keys() == PORTS.keys() - {"uwsgi"}


def test_an_api_server_that_refuses_leaves_every_tier_unknown(api, runtime):
    api.refuses = 403

    taken = snapshot.take(runtime, patience=1)

    assert taken.silent == dict.fromkeys(PORTS, "HTTPError when listing the pods")
