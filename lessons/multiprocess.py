"""Why the metrics of a shop with several workers must be added up: the usual way beside this lab's.

Two shops under uWSGI are sent the same requests in rounds, and scraped after each. The naive one (``naive/``) has a
registry in each worker, and ``/metrics`` is a page of the shop. The right one is ``app/uwsgi.ini`` as it stands.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Any, NamedTuple, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

import psutil
from prometheus_client.parser import text_string_to_metric_families

from lab import signals
from lab.console import step
from lab.errors import LabError
from lab.paths import ROOT, VENV
from lab.runtimes.base import manage
from lab.runtimes.environment import for_services
from lab.runtimes.host import prepare
from lab.runtimes.ports import free_ports

APP = ROOT / "app"
NAIVE = Path(__file__).parent / "naive"
METRIC = "django_http_requests_total_by_view_transport_method_total"
VIEW, PATH = "health:live", "/health/live"

WORKERS = 4
ROUNDS = 12
REQUESTS_A_ROUND = 40
#: At the same time, so that several workers take them.
CONNECTIONS = 8
#: After this round a worker of each shop is killed.
KILL_AFTER = 5
#: Seconds to wait for anything.
PATIENCE = 30

COLUMNS = 80
BAR = 32

INTRODUCTION = f"""\
Two shops are sent the same requests, and after each round both are scraped for
{METRIC}{{view="{VIEW}"}}
  right   app/uwsgi.ini: all workers, added up
  naive   lessons/naive/uwsgi.ini: the one worker that the scrape met"""

#: A connection for each request, past any proxy. A pool would take up connections that uWSGI is about to close.
OPENER = build_opener(ProxyHandler({}))

Seen = TypeVar("Seen")


class Scrape(NamedTuple):
    """The requests sent to each shop so far, and how many of them the page of each shows.

    ``worker`` is the slot of the naive worker that the scrape met. When a worker of each shop was killed right after
    the scrape, ``lost`` is how many of the requests the naive one of them had counted.
    """

    sent: int
    naive: int
    right: int
    worker: int
    lost: int = 0


def teach() -> str:
    """Run the lesson, which takes some seconds, and return what was seen as text of 80 columns.

    Raises LabError when a shop cannot be started or does not answer. It leaves no process and no file.
    """
    return text(observe())


def observe() -> list[Scrape]:
    """Start both shops on free ports, send ``ROUNDS`` rounds of requests to each, and return the scrapes.

    The first scrape is before the first request. Raises LabError; it leaves no process and no file.
    """
    try:
        with signals.handled_once(), _folders() as (folder, metrics), _nothing_left_running():
            environment = _environment(folder)
            if not shutil.which("uwsgi", path=environment["PATH"]):
                raise LabError(f"uWSGI is not in the lab's environment: remove {VENV}, and `make` installs it anew.")
            with step("a database with the catalogue"):
                run = partial(subprocess.run, cwd=APP, env=environment)
                manage(run, "migrate", "--no-input")
                manage(run, "seed_catalogue")
            with step(f"two shops of {WORKERS} workers each"):
                naive = Shop("naive", NAIVE / "uwsgi.ini", folder, environment | {"APP_FOLDER": str(APP)})
                right = Shop("right", APP / "uwsgi.ini", folder, environment | {"PROMETHEUS_MULTIPROC_DIR": metrics})
                naive.wait_until(naive.is_ready)
                right.wait_until(right.is_ready)
                right.wait_until(right.count, wanted=lambda count: count == 0)
            with step(f"{ROUNDS * REQUESTS_A_ROUND} requests to each"):
                return list(_rounds(naive, right))
    except OSError as error:
        raise LabError(f"the lesson cannot be held: {error.filename or 'the system'}: {error.strerror}.") from error


def _rounds(naive: "Shop", right: "Shop") -> Iterator[Scrape]:
    scrapes_met: Counter[int] = Counter()
    for number in range(ROUNDS + 1):
        sent = number * REQUESTS_A_ROUND
        if number:
            naive.send(REQUESTS_A_ROUND)
            right.send(REQUESTS_A_ROUND)
        # Each scrape of the naive shop is a request as well: the worker that then has one more is the one that it met.
        before = naive.served(sent + number)
        counted_naive = naive.count()
        after = naive.served(sent + number + 1)
        worker = max(after, key=lambda slot: after[slot] - before[slot])
        scrapes_met[worker] += 1
        counted_right = right.count()

        lost = 0
        if number == KILL_AFTER:
            victim = naive.kill_busiest()
            lost = after[victim] - scrapes_met[victim]
            right.served(sent)
            right.kill_busiest()
        yield Scrape(sent, counted_naive, counted_right, worker, lost)


class Shop:
    """A shop under uWSGI on free ports; its ``name`` is what a LabError calls it."""

    def __init__(self, name: str, ini: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._log = folder / f"{name}.log"
        app, metrics, stats, http = free_ports(4)
        self._shop, self._metrics, self._stats = (f"http://127.0.0.1:{port}" for port in (http, metrics, stats))
        ports = {"APP_PORT": str(app), "APP_METRICS_PORT": str(metrics), "APP_STATS_PORT": str(stats)}
        with self._log.open("w") as log:
            self._process = psutil.Popen(
                # Its own socket speaks NGINX's protocol; by their titles `make down` would take them for the lab's.
                ["uwsgi", "--ini", ini, "--http-socket", f"127.0.0.1:{http}", "--procname-prefix", "lesson: "],
                cwd=folder,
                env={**environment, **ports},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=signals.to_child_of_this(signal.SIGTERM),
            )

    def send(self, number: int) -> None:
        """Send so many requests, each over a connection of its own; raises LabError when one is not answered 200."""
        # NGINX would say so: without it the shop redirects to TLS.
        headers = {"X-Forwarded-Proto": "https"}
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda _: self._get(f"{self._shop}{PATH}", headers), range(number)))

    def count(self) -> int:
        """Scrape once and return the counter of the requests; a series that is not there yet is 0."""
        families = text_string_to_metric_families(self._get(f"{self._metrics}/metrics"))
        samples = (sample for family in families for sample in family.samples)
        return int(sum(each.value for each in samples if each.name == METRIC and each.labels["view"] == VIEW))

    def served(self, total: int) -> dict[int, int]:
        """Return the requests that each worker has served, by slot, once they are ``total`` in all."""
        return self.wait_until(
            lambda: {slot: worker["requests"] for slot, worker in self._workers().items()},
            wanted=lambda served: sum(served.values()) >= total,
        )

    def is_ready(self) -> bool:
        """Say whether every worker has loaded the shop."""
        return all(worker["accepting"] for worker in self._workers().values())

    def kill_busiest(self) -> int:
        """Kill the worker that has served most, wait until its slot has a new one, and return the slot."""
        workers = self._workers()
        slot = max(workers, key=lambda slot: workers[slot]["requests"])
        os.kill(workers[slot]["pid"], signal.SIGKILL)
        self.wait_until(lambda: self._workers()[slot]["pid"] not in (0, workers[slot]["pid"]) and self.is_ready())
        return slot

    def wait_until(self, check: Callable[[], Seen], *, wanted: Callable[[Seen], bool] = bool) -> Seen:
        """Return what ``check`` returns as soon as it is wanted; raises LabError when the shop ends or takes long."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(LabError):
                if wanted(seen := check()):
                    return seen
            if self._process.poll() is not None:
                raise LabError(f"the {self._name} shop ended: {self._last_words()}")
            if time.monotonic() > deadline:
                raise LabError(f"the {self._name} shop does not work after {PATIENCE} s: {self._last_words()}")
            time.sleep(0.02)

    def _workers(self) -> dict[int, dict[str, Any]]:
        return {worker["id"]: worker for worker in json.loads(self._get(self._stats))["workers"]}

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> str:
        try:
            with OPENER.open(Request(url, headers=headers or {}), timeout=5) as answer:
                return answer.read().decode()
        except (OSError, HTTPException) as error:
            raise LabError(f"the {self._name} shop does not answer ({error}): {self._last_words()}") from error

    def _last_words(self) -> str:
        """Return the last line of its log, or of a traceback in it: what uWSGI says after one is only that it ends."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"[\w.]+: ", line)]
        return (errors or lines or ["nothing"])[-1]


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of both shops; of the user's own only what every process of the lab inherits."""
    return {
        **for_services(),
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "SHOP_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": f"sqlite:///{folder / 'shop.sqlite3'}",
        "CACHE_URL": "locmem://",
        "UWSGI_WORKERS": str(WORKERS),
    }


@contextmanager
def _folders() -> Iterator[tuple[Path, str]]:
    """Make a folder, and one for the workers' metric files, in memory where there is such a file system."""
    prefix = f"pomar-lesson-{os.getpid()}-"
    with TemporaryDirectory(prefix=prefix) as folder:
        memory = prepare.MEMORY if prepare.memory_is_safe() else folder
        with TemporaryDirectory(prefix=prefix, dir=memory) as metrics:
            yield Path(folder), metrics


@contextmanager
def _nothing_left_running() -> Iterator[None]:
    """Whatever happens, kill the children that this process gets meanwhile, and all theirs."""
    this = psutil.Process()
    before = set(this.children())
    try:
        yield
    finally:
        for child in set(this.children()) - before:
            with suppress(psutil.NoSuchProcess):
                # A master that is stopped makes no new worker of one that is killed.
                child.suspend()
                for process in (*child.children(recursive=True), child):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                child.wait(5)


def increase(values: Sequence[int]) -> int:
    """Return by how much a counter grew over its samples, as Prometheus's ``increase()`` reads them.

    A value below the one before it is taken for a restart at zero. Nothing is extrapolated to the ends of a window.
    """
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def text(scrapes: Sequence[Scrape]) -> str:
    """Return what was seen: a table, a chart and the conclusion, in at most 80 columns, with no line break at its end.

    The first scrape is the one before the first request.
    """
    return "\n\n".join([INTRODUCTION, _table(scrapes), _chart(scrapes), *_conclusion(scrapes)])


def _table(scrapes: Sequence[Scrape]) -> str:
    lines = ["  sent   right   naive  of worker"]
    previous = 0
    for scrape in scrapes:
        notes = [f"back by {previous - scrape.naive}"] if scrape.naive < previous else []
        if scrape.lost:
            notes.append("then one worker of each is killed")
        previous = scrape.naive
        row = f"{scrape.sent:6}  {scrape.right:6}  {scrape.naive:6}  {scrape.worker:<9}  {'; '.join(notes)}"
        lines.append(row.rstrip())
    return "\n".join(lines)


def _chart(scrapes: Sequence[Scrape]) -> str:
    right, naive = (_block(max(values)) for values in _series(scrapes))
    lines = [f"  sent  {f'right (█ is {right})':{BAR}}  naive (█ is {naive})"]
    for scrape in scrapes:
        lines.append(f"{scrape.sent:6}  {_bar(scrape.right, right):{BAR}}  {_bar(scrape.naive, naive)}".rstrip())
    return "\n".join(lines)


def _series(scrapes: Sequence[Scrape]) -> tuple[list[int], list[int]]:
    """Return the counters of the right and of the naive shop."""
    return [scrape.right for scrape in scrapes], [scrape.naive for scrape in scrapes]


def _block(greatest: int) -> int:
    """Return how many requests a block of the chart stands for, so that the greatest value fits."""
    return max(1, -(-greatest // BAR))


def _bar(value: int, block: int) -> str:
    """Return a bar to an eighth of a block."""
    whole, rest = divmod(value * 8 // block, 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[rest].strip()


def _conclusion(scrapes: Sequence[Scrape]) -> Iterator[str]:
    """Yield what was seen, why, and what to do, a paragraph each."""
    right, naive = _series(scrapes)
    last = scrapes[-1]
    exact = sum(scrape.right == scrape.sent for scrape in scrapes)
    back = sum(after < before for before, after in pairwise(naive))
    seen = [
        f"{last.sent} requests were sent to each shop.",
        f"The right counter was exact at {exact} of {len(scrapes)} scrapes.",
        f"The naive one {_went_back(back)}, and showed {max(naive)} at most and {last.naive} at the end.",
        f"Prometheus takes each step back for a restart: its increase() over the naive one is "
        f"{_beside(increase(naive), last.sent)}, over the right one {_beside(increase(right), last.sent)}.",
    ]
    if lost := sum(scrape.lost for scrape in scrapes):
        seen.append(
            f"The naive worker that was killed took the {lost} requests that it had counted with it; "
            f"at the end the right counter lacks {last.sent - last.right or 'none'}."
        )
    for sentences in (
        seen,
        [
            "Why: each worker is a process with a registry of its own. A scrape of the naive /metrics meets whichever "
            "worker is free, and reads what that one has counted since it began.",
        ],
        [
            "What to do: app/uwsgi.ini gives the workers a directory to count in, and starts a process beside them "
            "for the scrapes. telemetry/src/pomar_telemetry/multiprocess.py names the files in it by worker slot, so "
            "that a new worker goes on where a killed one stopped; server.py beside it adds them up.",
        ],
    ):
        yield fill(" ".join(sentences), COLUMNS, break_on_hyphens=False, break_long_words=False)


def _went_back(number: int) -> str:
    return {0: "never went back", 1: "went back once"}.get(number, f"went back {number} times")


def _beside(counted: int, sent: int) -> str:
    """Say a count, and by how much it is wrong."""
    wrong = counted - sent
    return f"{counted}, {abs(wrong)} too {'many' if wrong > 0 else 'few'}" if wrong else f"{counted}"
