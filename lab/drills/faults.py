"""The faults of the drills: each is committed for as long as its block runs, and mended when the block ends."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import requests

from lab import local
from lab.load import AMPLE_STOCK
from lab.parts import part
from lab.runtime import Runtime

#: A request of the crowd takes no longer than NGINX waits for uWSGI.
PATIENCE_SECONDS = 45


@contextmanager
def stopped(runtime: Runtime, name: str) -> Iterator[None]:
    """A part that is stopped."""
    try:
        runtime.stop(part(name))
        yield
    finally:
        runtime.start(part(name))


@contextmanager
def crowd(runtime: Runtime, number: int, fault: str = "", paths: Sequence[str] = ("/",)) -> Iterator[None]:
    """So many visitors who ask again and again, each time for the fault of ``app/telemetry/faults.py`` that is given.

    They carry the lab's token, and not the mark of its load: in the ledger they are others.
    """
    end = threading.Event()
    shop = runtime.url(part("nginx"), "")
    headers = {"X-Lab-Token": runtime.token_file.read_text(encoding="utf-8")} | (
        {"X-Lab-Fault": fault} if fault else {}
    )

    def ask(first: int) -> None:
        turn = first
        with local.visitor(str(runtime.ca_file)) as session:
            while not end.is_set():
                with suppress(requests.RequestException):
                    session.get(f"{shop}{paths[turn % len(paths)]}", headers=headers, timeout=PATIENCE_SECONDS)
                turn += 1

    with ThreadPoolExecutor(number) as pool:
        visitors = [pool.submit(ask, first) for first in range(number)]
        try:
            yield
        finally:
            end.set()
        for visitor in visitors:
            visitor.result()


@contextmanager
def unapplied_migration(runtime: Runtime) -> Iterator[None]:
    """A migration, on which no other rests, that Django believes to be missing; the tables stay as they are."""
    try:
        runtime.manage("migrate", "--fake", "checkout", "zero")
        yield
    finally:
        runtime.manage("migrate", "--fake", "checkout")


@contextmanager
def nothing_in_stock(runtime: Runtime) -> Iterator[None]:
    """Shelves that are empty while people shop."""
    try:
        runtime.manage("seed_catalogue", "--restock", "--stock", "0")
        yield
    finally:
        runtime.manage("seed_catalogue", "--restock", "--stock", str(AMPLE_STOCK))


@contextmanager
def leak(runtime: Runtime) -> Iterator[None]:
    """Workers that keep 32 MiB of each of some requests; they are started anew in the end."""
    try:
        with crowd(runtime, 1, "leak=32"):
            yield
    finally:
        runtime.restart(part("app"))


@contextmanager
def stale_job(runtime: Runtime, seconds: int) -> Iterator[None]:
    """A job that has pushed once, and promised to do so again within so many seconds."""
    url = f"{runtime.url(part('pushgateway'), '')}/metrics/job/drill"
    try:
        pushed = f"# TYPE job_max_age_seconds gauge\njob_max_age_seconds {seconds}\n"
        local.session.put(url, data=pushed, timeout=5).raise_for_status()
        yield
    finally:
        local.session.delete(url, timeout=5).raise_for_status()
