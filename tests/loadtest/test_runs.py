"""Test short runs of the real load test against a real shop: uWSGI without NGINX, on free ports."""

import json
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from lab.runtimes.base import WITH_THE_LAB
from lab.runtimes.environment import for_services
from lab.runtimes.ports import free_ports
from tests.eventually import eventually
from tests.programs import program

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
WITH_DEFAULT_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


class Shop(NamedTuple):
    """A running shop: its ports, its request log, and the environment for its management commands."""

    port: int
    stats_port: int
    request_log: Path
    environment: dict[str, str]

    def restock(self, stock: int) -> None:
        """Set the stock of every product."""
        self.manage("seed_catalogue", "--restock", "--stock", str(stock))

    def manage(self, *command: str) -> None:
        """Run one of the shop's management commands."""
        manage_py = APP / "manage.py"
        subprocess.run([sys.executable, manage_py, *command], env=self.environment, check=True, capture_output=True)

    def stock(self) -> list[int]:
        """Return the stock of every product."""
        path = self.environment["DATABASE_URL"].removeprefix("sqlite://")
        with closing(sqlite3.connect(path)) as database:
            return [stock for (stock,) in database.execute("SELECT stock FROM product_product")]

    def checkouts(self) -> int:
        """Return how many orders visitors have tried to place."""
        return self.request_log.read_text().count(" POST /checkout/")

    def requests_answered(self) -> int:
        """Return how many requests uWSGI's workers have handled, including those for static files."""
        stats = requests.get(f"http://127.0.0.1:{self.stats_port}", timeout=5).json()
        return sum(worker["requests"] for worker in stats["workers"])


class Run(NamedTuple):
    """A load run's exit code, output and result file."""

    code: int
    output: str
    result: dict[str, Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with the full catalogue, in debug mode so that it does not redirect requests to HTTPS."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "metrics").mkdir()
    environment = {
        **for_services(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DEBUG": "true",
        "SHOP_HOSTS": "127.0.0.1,127.0.0.2",
        "DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3",
        "STATIC_ROOT": f"{folder}/static",
        "PROMETHEUS_MULTIPROC_DIR": f"{folder}/metrics",
    }
    shop = Shop(*free_ports(2), folder / "requests.log", environment)
    for command in ("migrate", "seed_catalogue", "collectstatic --noinput"):
        shop.manage(*command.split())
    command = [
        *(program("uwsgi"), "--master", "--processes=2", "--need-app", "--lazy-apps", "--single-interpreter"),
        *("--die-on-term", f"--chdir={APP}", "--module=config.wsgi:application"),
        *(f"--http-socket=127.0.0.{end}:{shop.port}" for end in (1, 2)),
        "--add-header=Connection: close",
        *(f"--static-map=/static={folder}/static", f"--stats=127.0.0.1:{shop.stats_port}", "--stats-http"),
        *(f"--req-logger=file:{shop.request_log}", "--log-format=%(host) %(method) %(uri)"),
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stderr=log, stdout=log) as process,
    ):
        try:
            eventually(
                lambda: requests.get(f"http://127.0.0.1:{shop.port}/health/live", timeout=5).status_code,
                because="the shop responds",
                wanted=lambda status: status == 200,
            )
            yield shop
        finally:
            process.terminate()


def _start(host: str, result_file: Path, **variables: str) -> subprocess.Popen:
    command = [program("locust"), "-f", ROOT / "loadtest" / "locustfile.py", "--headless", "--host", host]
    return subprocess.Popen(
        # A shell starts background jobs with SIGINT ignored, and the load test would inherit that.
        [sys.executable, "-c", WITH_DEFAULT_SIGINT, *command],
        env=for_services() | {"LAB_LOAD_RESULT": str(result_file)} | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(host: str, tmp_path: Path, **variables: str) -> Run:
    result_file = tmp_path / "result.json"
    process = _start(host, result_file, **variables)
    output = process.communicate(timeout=60)[0]
    return Run(process.returncode, output, json.loads(result_file.read_text()) if result_file.exists() else {})


def test_a_run_visits_every_view_and_its_request_count_matches_the_shops(shop, tmp_path):
    shop.restock(1000)
    before = shop.requests_answered()

    run = _run(f"http://127.0.0.1:{shop.port}", tmp_path, PROFILE="smoke", DURATION="8", SEED="3")

    assert run.code == 0, run.output
    assert run.result["requests"] == shop.requests_answered() - before
    assert (run.result["failures"], run.result["problems"]) == (0, [])
    assert (run.result["profile"], run.result["seed"], run.result["users"]) == ("smoke", 3, 8)
    assert 8 <= run.result["end"] - run.result["start"] < 12
    assert run.result["orders_placed"] > 0
    assert set(run.result["counts"]) == {
        *("product:list", "product:detail", "product:search", "product:add-to-cart"),
        *("cart:cart-summary", "cart:update", "cart:remove", "checkout:checkout", "checkout:order-detail"),
        *("admin:login", "static", "other"),
    }
    assert run.output.splitlines()[-1].startswith("PASSED: ")


def test_a_flash_sale_sells_the_whole_stock_and_refuses_further_orders(shop, tmp_path):
    shop.restock(2)
    before = shop.checkouts()
    options = {"PROFILE": "flash-sale", "USERS": "25", "DURATION": "90", "UNTIL_STOPPED": "1"}

    process = _start(f"http://127.0.0.1:{shop.port}", tmp_path / "result.json", **options)
    eventually(shop.stock, because="three products are on sale", timeout=80, wanted=lambda stock: stock.count(0) == 3)
    # The six units are at most six orders, and the buyers who come too late are refused.
    eventually(shop.checkouts, because="more buyers than units", timeout=60, wanted=lambda seen: seen >= before + 15)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]

    result = json.loads((tmp_path / "result.json").read_text())
    assert process.returncode == 0, output
    assert result["units"] == 3 * 2
    assert result["orders_refused"] == result["counts"]["checkout:checkout"]["POST"]["409"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stopped_run_has_counted_every_request(shop, tmp_path, number):
    """Stop several runs at the same time, because a signal that can interrupt a request does not always do so."""
    shop.restock(1000)
    before = shop.requests_answered()
    options = [{}, {}, {"UNTIL_STOPPED": "1"}]
    files = [tmp_path / f"{place}.json" for place in range(3)]
    runs = [
        _start(f"http://127.0.0.1:{shop.port}", file, USERS="60", DURATION="40", **option)
        for file, option in zip(files, options, strict=True)
    ]
    eventually(shop.requests_answered, because="they shop", timeout=30, wanted=lambda seen: seen > before + 900)

    for run in runs:
        run.send_signal(number)
    codes = [(run.wait(60), run.stdout.close())[0] for run in runs]

    results = [json.loads(file.read_text()) for file in files]
    assert codes == [1, 1, 0]
    assert [result["problems"] for result in results] == [["the run was stopped early"]] * 2 + [[]]
    assert sum(result["requests"] for result in results) == shop.requests_answered() - before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_to_the_lab_alone_stops_locust_gracefully(shop, tmp_path, number):
    shop.restock(1000)
    before = shop.requests_answered()
    locust = [program("locust"), "-f", ROOT / "loadtest" / "locustfile.py", "--headless"]
    command = [*locust, "--host", f"http://127.0.0.1:{shop.port}"]
    result_file = tmp_path / "result.json"
    variables = {"USERS": "20", "DURATION": "40", "LAB_LOAD_RESULT": str(result_file), **WITH_THE_LAB}
    environment = for_services() | variables
    lab = "import sys; from lab.runtimes.base import run_locust; sys.exit(run_locust(sys.argv[1:], None, None))"
    load = [sys.executable, "-c", WITH_DEFAULT_SIGINT, sys.executable, "-c", lab, *command]
    with subprocess.Popen(load, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as this:
        eventually(shop.requests_answered, because="they shop", timeout=30, wanted=lambda seen: seen > before + 100)

        this.send_signal(number)

        assert this.wait(30) == (-number if number == signal.SIGKILL else 1)
    eventually(result_file.exists, because="Locust writes its result", timeout=30)
    result = json.loads(result_file.read_text())
    assert result["problems"] == ["the run was stopped early"]
    assert result["requests"] == shop.requests_answered() - before


def test_runs_with_the_same_seed_send_the_same_requests(shop, tmp_path):
    shop.restock(1000)
    logged_before = len(shop.request_log.read_text())
    hosts = [f"127.0.0.1:{shop.port}", f"127.0.0.2:{shop.port}"]
    runs = [_start(f"http://{host}", tmp_path / f"{host}.json", USERS="1", DURATION="5", SEED="11") for host in hosts]
    for run in runs:
        assert run.wait(60) == 0, run.stdout.read()
        run.stdout.close()

    # Leave out static files. They are fetched within the same millisecond, so the workers may log them in any order.
    lines = [line.partition(" ") for line in shop.request_log.read_text()[logged_before:].splitlines()]
    one, other = (
        [request for host, _, request in lines if host == wanted and "/static/" not in request] for wanted in hosts
    )

    shorter = min(len(one), len(other))
    assert shorter > 4
    assert one[:shorter] == other[:shorter]


@pytest.mark.parametrize(
    ("host", "variables", "reason"),
    [
        (
            "http://127.0.0.1:1",
            {},
            r"cannot connect to http://127\.0\.0\.1:1 \(Connection refused\): is the lab running\?",
        ),
        ("https://localhost:1", {"LAB_CA_FILE": ""}, r"LAB_CA_FILE is not set: .*"),
        ("https://localhost:1", {"LAB_CA_FILE": __file__}, r"LAB_CA_FILE=.* does not contain a certificate\."),
        ("localhost", {}, r"the shop's URL is missing: set --host, for example --host https://localhost:8443\."),
        ("http://127.0.0.1:1", {"PROFILE": "storm"}, r"PROFILE=storm is not a profile: .*"),
    ],
    ids=["nobody there", "no CA", "a CA that is none", "no address", "bad option"],
)
def test_a_run_with_an_invalid_setup_does_not_start(tmp_path, host, variables, reason):
    run = _run(host, tmp_path, **variables)

    assert run.code == 1
    assert re.fullmatch(f"load: {reason}\n", run.output)
    assert not run.result
