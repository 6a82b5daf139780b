"""Test the workers' metrics under a real uWSGI: at start, and after the metrics directory or a file has been lost."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.app.uwsgi import START, Shop
from tests.config.samples import series
from tests.eventually import eventually

BEFORE = series("django_http_requests_before_middlewares_total")
KNOWN = {
    "pomar_orders_total": ("outcome", ("placed", "out_of_stock", "repeated")),
    "pomar_cart_items_total": ("action", ("add", "update", "remove")),
    "pomar_searches_total": ("outcome", ("found", "nothing")),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A running shop. Each test must leave it healthy."""
    one = Shop(tmp_path_factory.mktemp("shop"))
    with one.running():
        yield one


def requests_counted(shop: Shop) -> float:
    """Return how many requests Django has counted, or -1 if the series does not exist."""
    return shop.samples().get(BEFORE, -1)


def test_known_label_values_are_zero_before_the_first_request(shop):
    seen = shop.samples()

    for name, (label, values) in KNOWN.items():
        assert {value: seen.get(series(name, **{label: value})) for value in values} == dict.fromkeys(values, 0)
    assert seen[series("pomar_order_value_euros_count")] == 0


def test_a_respawned_worker_continues_the_counts_of_its_predecessor(shop):
    before = requests_counted(shop)
    shop.ask(count=20)

    kill_workers(shop)
    shop.ask(count=20)

    assert requests_counted(shop) == before + 40
    assert shop.samples()[series("pomar_orders_total", outcome="placed")] == 0


def kill_workers(shop: Shop) -> None:
    """Kill all workers and wait until they have been respawned."""
    workers = shop.workers()
    for pid in workers.values():
        os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: not set(shop.workers().values()) & set(workers.values()), because="both are respawned", timeout=20
    )


# The statistics port


def test_idle_clients_of_the_stats_port_do_not_hide_worker_metrics(shop):
    expected = [series("pomar_worker_resident_memory_bytes", worker_id=slot) for slot in ("1", "2")]

    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(socket.create_connection(("127.0.0.1", shop.stats)))
        began = time.monotonic()
        seen = shop.samples()

        assert [key for key in expected if seen.get(key, 0) > 1_000_000] == expected
        assert time.monotonic() - began < 1


# Losing the directory while the shop is running


def all_files(shop: Shop) -> bool:
    """Send a request and return whether both workers have their metric files."""
    shop.ask()
    wanted = {f"{kind}_{slot}.db" for kind in ("counter", "histogram") for slot in (1, 2)}
    return wanted <= {path.name for path in shop.directory.glob("*.db")}


def empty(directory: Path) -> None:
    """Remove the directory and everything in it, as systemd-logind does when the user logs out."""
    shutil.rmtree(directory)


def one_file_gone(directory: Path) -> None:
    (directory / "counter_1.db").unlink()


def corrupt(directory: Path, place: int, content: bytes) -> None:
    with (directory / "histogram_1.db").open("r+b") as file:
        file.seek(place)
        file.write(content)


def one_file_corrupt(directory: Path) -> None:
    corrupt(directory, 8, b"\xff" * 64)


def one_key_corrupt(directory: Path) -> None:
    corrupt(directory, 12, b"[1, 2, 3]")


def one_head_zero(directory: Path) -> None:
    corrupt(directory, 0, bytes(8))


def one_head_negative(directory: Path) -> None:
    corrupt(directory, 0, b"\xff" * 8)


def time_gone(directory: Path) -> None:
    (directory / "began").unlink()


def time_emptied(directory: Path) -> None:
    (directory / "began").write_text("")


@pytest.mark.parametrize(
    "damage",
    [
        empty,
        one_file_gone,
        one_file_corrupt,
        one_key_corrupt,
        one_head_zero,
        one_head_negative,
        time_gone,
        time_emptied,
    ],
)
def test_lost_metrics_are_a_reset_with_a_new_start_time(shop, damage):
    eventually(lambda: all_files(shop), because="both workers write their files")
    before = shop.samples()
    workers = shop.workers()

    damage(shop.directory)
    after = eventually(shop.samples, because="the loss is noticed", wanted=lambda seen: seen[START] > before[START])
    assert after.get(BEFORE, 0) == 0

    # Once a second has passed since the reset, each worker opens new files with its next request.
    eventually(lambda: all_files(shop), because="both workers count in new files")
    counted = requests_counted(shop)
    shop.ask(count=10)
    assert requests_counted(shop) == counted + 10
    assert shop.samples()[START] == after[START]
    assert shop.samples()[series("pomar_orders_total", outcome="placed")] == 0
    assert shop.workers() == workers


@pytest.mark.parametrize("size", [0, 100])
def test_a_truncated_file_is_a_reset_and_both_workers_recover(shop, size):
    eventually(lambda: all_files(shop), because="both workers write their files", timeout=20)
    before = shop.samples()

    os.truncate(shop.directory / "counter_1.db", size)
    os.truncate(shop.directory / "histogram_1.db", size)

    eventually(shop.samples, because="the loss is noticed", wanted=lambda seen: seen[START] > before[START])

    def both_again() -> bool:
        # The worker may crash once because of the truncated file.
        with suppress(AssertionError):
            return all_files(shop)
        return False

    eventually(both_again, because="both workers count again", timeout=20)
    assert requests_counted(shop) > 0


def test_new_workers_start_when_the_directory_is_lost_between_scrapes(shop):
    empty(shop.directory)

    kill_workers(shop)

    shop.ask(count=10)
    eventually(lambda: (shop.ask(), requests_counted(shop))[1], because="requests count", wanted=lambda seen: seen >= 3)


def test_new_workers_start_when_their_own_files_are_corrupt(shop):
    for file in shop.directory.glob("*.db"):
        file.write_bytes(b"\xff" * 100)

    kill_workers(shop)
    shop.ask(count=10)
    assert shop.page().status_code == 200


def test_the_shop_serves_pages_if_the_directory_cannot_be_recreated(shop):
    empty(shop.directory)
    shop.directory.write_text("a file is in its place")

    kill_workers(shop)

    shop.ask(count=10)
    assert shop.page().status_code == 200
    assert BEFORE not in shop.samples()
    assert series("pomar_worker_open_fds", worker_id="1") in shop.samples()

    shop.directory.unlink()
    kill_workers(shop)
    eventually(lambda: (shop.ask(), requests_counted(shop))[1], because="requests count", wanted=lambda seen: seen >= 3)


# Before uWSGI starts


def test_uwsgi_does_not_start_with_an_empty_directory_name(tmp_path):
    shop = Shop(tmp_path, PROMETHEUS_MULTIPROC_DIR="")

    done = subprocess.run(shop.command, env=shop.environment, cwd=tmp_path, capture_output=True, text=True, timeout=20)

    assert done.returncode != 0
    assert "PROMETHEUS_MULTIPROC_DIR is empty" in done.stdout + done.stderr
