"""Show why metrics must be summed over all workers, by comparing the usual setup with this lab's.

Two shops under uWSGI receive the same requests in rounds, and both are scraped after each round. The naive shop
(``naive/``) has a registry in each worker and serves ``/metrics`` as a view. The correct shop uses ``app/uwsgi.ini``
unchanged.
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
#: Concurrent connections, so that several workers serve the requests.
CONNECTIONS = 8
#: After this round, one worker of each shop is killed.
KILL_AFTER = 5
#: The timeout for every wait, in seconds.
PATIENCE = 30

COLUMNS = 80
BAR = 32

INTRODUCTION = f"""\
Two shops receive the same requests. After each round, both are scraped for
{METRIC}{{view="{VIEW}"}}
  correct  app/uwsgi.ini: the sum over all workers
  naive    lessons/naive/uwsgi.ini: only the worker that served the scrape"""

#: Opens a new connection for each request, without a proxy. A pool might reuse a connection that uWSGI is closing.
OPENER = build_opener(ProxyHandler({}))

Seen = TypeVar("Seen")


class Scrape(NamedTuple):
    """The number of requests sent to each shop so far, and each shop's counter.

    ``worker`` is the slot of the naive worker that served the scrape. If one worker in each shop was killed right after
    the scrape, ``lost`` is the number of requests that the killed naive worker had counted.
    """

    sent: int
    naive: int
    correct: int
    worker: int
    lost: int = 0


def teach() -> str:
    """Run the lesson, which takes a few seconds, and return the results as text of at most 80 columns.

    Raises LabError if a shop fails to start or does not respond. Leaves no processes and no files behind.
    """
    return text(observe())


def observe() -> list[Scrape]:
    """Start both shops on free ports, send ``ROUNDS`` rounds of requests to each, and return the scrapes.

    The first scrape comes before the first request. Raises LabError. Leaves no processes and no files behind.
    """
    try:
        with signals.handled_once(), _folders() as (folder, metrics), _nothing_left_running():
            environment = _environment(folder)
            if not shutil.which("uwsgi", path=environment["PATH"]):
                raise LabError(f"uWSGI is missing from the lab's environment: remove {VENV}, and `make` reinstalls it.")
            with step("a database with the catalogue"):
                run = partial(subprocess.run, cwd=APP, env=environment)
                manage(run, "migrate", "--no-input")
                manage(run, "seed_catalogue")
            with step(f"two shops of {WORKERS} workers each"):
                naive = Shop("naive", NAIVE / "uwsgi.ini", folder, environment | {"APP_FOLDER": str(APP)})
                shared = environment | {"PROMETHEUS_MULTIPROC_DIR": metrics}
                correct = Shop("correct", APP / "uwsgi.ini", folder, shared)
                naive.wait_until(naive.is_ready)
                correct.wait_until(correct.is_ready)
                correct.wait_until(correct.count, wanted=lambda count: count == 0)
            with step(f"{ROUNDS * REQUESTS_A_ROUND} requests to each"):
                return list(_rounds(naive, correct))
    except OSError as error:
        raise LabError(f"the lesson failed: {error.filename or 'system'}: {error.strerror}.") from error


def _rounds(naive: "Shop", correct: "Shop") -> Iterator[Scrape]:
    scrapes_served: Counter[int] = Counter()
    for number in range(ROUNDS + 1):
        sent = number * REQUESTS_A_ROUND
        if number:
            naive.send(REQUESTS_A_ROUND)
            correct.send(REQUESTS_A_ROUND)
        # Scraping the naive shop is itself a request, so the worker whose request count increases serves the scrape.
        before = naive.served(sent + number)
        counted_naive = naive.count()
        after = naive.served(sent + number + 1)
        worker = max(after, key=lambda slot: after[slot] - before[slot])
        scrapes_served[worker] += 1
        counted_correct = correct.count()

        lost = 0
        if number == KILL_AFTER:
            victim = naive.kill_busiest()
            lost = after[victim] - scrapes_served[victim]
            correct.served(sent)
            correct.kill_busiest()
        yield Scrape(sent, counted_naive, counted_correct, worker, lost)


class Shop:
    """A shop under uWSGI on free ports. Error messages call it ``name``."""

    def __init__(self, name: str, ini: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._log = folder / f"{name}.log"
        app, metrics, stats, http = free_ports(4)
        self._shop, self._metrics, self._stats = (f"http://127.0.0.1:{port}" for port in (http, metrics, stats))
        ports = {"APP_PORT": str(app), "APP_METRICS_PORT": str(metrics), "APP_STATS_PORT": str(stats)}
        with self._log.open("w") as log, signals.starting_child(signal.SIGTERM) as with_this:
            self._process = psutil.Popen(
                # Add an HTTP socket, because the ini file's socket speaks the uwsgi protocol. Change the titles of the
                # processes, because `make down` kills processes that have the lab's titles.
                ["uwsgi", "--ini", ini, "--http-socket", f"127.0.0.1:{http}", "--procname-prefix", "lesson: "],
                cwd=folder,
                env={**environment, **ports},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=with_this,
            )

    def send(self, number: int) -> None:
        """Send requests, each over its own connection. Raises LabError if a response is not 200."""
        # Normally NGINX sets this header. Without it, the shop redirects to HTTPS.
        headers = {"X-Forwarded-Proto": "https"}
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda _: self._get(f"{self._shop}{PATH}", headers), range(number)))

    def count(self) -> int:
        """Scrape once and return the request counter; 0 if the series does not exist yet."""
        families = text_string_to_metric_families(self._get(f"{self._metrics}/metrics"))
        samples = (sample for family in families for sample in family.samples)
        return int(sum(each.value for each in samples if each.name == METRIC and each.labels["view"] == VIEW))

    def served(self, total: int) -> dict[int, int]:
        """Wait until the workers have served ``total`` requests, and return the number for each slot."""
        return self.wait_until(
            lambda: {slot: worker["requests"] for slot, worker in self._workers().items()},
            wanted=lambda served: sum(served.values()) >= total,
        )

    def is_ready(self) -> bool:
        """Return whether every worker has loaded the shop."""
        return all(worker["accepting"] for worker in self._workers().values())

    def kill_busiest(self) -> int:
        """Kill the worker with the most requests, wait until it has been respawned, and return its slot."""
        workers = self._workers()
        slot = max(workers, key=lambda slot: workers[slot]["requests"])
        os.kill(workers[slot]["pid"], signal.SIGKILL)
        self.wait_until(lambda: self._workers()[slot]["pid"] not in (0, workers[slot]["pid"]) and self.is_ready())
        return slot

    def wait_until(self, check: Callable[[], Seen], *, wanted: Callable[[Seen], bool] = bool) -> Seen:
        """Call ``check`` until its result is ``wanted``, and return it. Raises LabError on exit or timeout."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(LabError):
                if wanted(seen := check()):
                    return seen
            if self._process.poll() is not None:
                raise LabError(f"the {self._name} shop has exited: {self._last_error()}")
            if time.monotonic() > deadline:
                raise LabError(f"the {self._name} shop is not ready after {PATIENCE} s: {self._last_error()}")
            time.sleep(0.02)

    def _workers(self) -> dict[int, dict[str, Any]]:
        return {worker["id"]: worker for worker in json.loads(self._get(self._stats))["workers"]}

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> str:
        try:
            with OPENER.open(Request(url, headers=headers or {}), timeout=5) as response:
                return response.read().decode()
        except (OSError, HTTPException) as error:
            raise LabError(f"the {self._name} shop does not respond ({error}): {self._last_error()}") from error

    def _last_error(self) -> str:
        """Return the last exception in the shop's log, or the log's last line if there is none."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.match(r"[\w.]+: ", line)]
        return (errors or lines or ["its log is empty"])[-1]


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment for both shops. Both inherit only the user variables that all lab services inherit."""
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
    """Create two temporary folders. The second one, for the workers' metric files, is in memory if possible."""
    prefix = f"pomar-lesson-{os.getpid()}-"
    with TemporaryDirectory(prefix=prefix) as folder:
        memory = prepare.MEMORY if prepare.memory_is_safe() else folder
        with TemporaryDirectory(prefix=prefix, dir=memory) as metrics:
            yield Path(folder), metrics


@contextmanager
def _nothing_left_running() -> Iterator[None]:
    """At the end of the block, kill all child processes that were started in it, and their descendants."""
    this = psutil.Process()
    before = set(this.children())
    try:
        yield
    finally:
        for child in set(this.children()) - before:
            with suppress(psutil.NoSuchProcess):
                # A suspended master cannot respawn the killed workers.
                child.suspend()
                for process in (*child.children(recursive=True), child):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                child.wait(5)


def increase(values: Sequence[int]) -> int:
    """Return a counter's increase over its samples, like Prometheus's ``increase()`` but without extrapolation.

    A decrease counts as a reset to 0.
    """
    return sum(after - before if after >= before else after for before, after in pairwise(values))


def text(scrapes: Sequence[Scrape]) -> str:
    """Return a table, a chart and the conclusion, in at most 80 columns and without a trailing newline.

    The first scrape must have been made before the first request.
    """
    return "\n\n".join([INTRODUCTION, _table(scrapes), _chart(scrapes), *_conclusion(scrapes)])


def _table(scrapes: Sequence[Scrape]) -> str:
    lines = ["  sent  correct   naive  worker"]
    previous = 0
    for scrape in scrapes:
        notes = [f"decreased by {previous - scrape.naive}"] if scrape.naive < previous else []
        if scrape.lost:
            notes.append("then a worker is killed")
        previous = scrape.naive
        row = f"{scrape.sent:6}  {scrape.correct:7}  {scrape.naive:6}  {scrape.worker:<6}  {'; '.join(notes)}"
        lines.append(row.rstrip())
    return "\n".join(lines)


def _chart(scrapes: Sequence[Scrape]) -> str:
    correct, naive = (_block(max(values)) for values in _series(scrapes))
    lines = [f"  sent  {f'correct (█ = {correct})':{BAR}}  naive (█ = {naive})"]
    for scrape in scrapes:
        lines.append(f"{scrape.sent:6}  {_bar(scrape.correct, correct):{BAR}}  {_bar(scrape.naive, naive)}".rstrip())
    return "\n".join(lines)


def _series(scrapes: Sequence[Scrape]) -> tuple[list[int], list[int]]:
    """Return the counters of the correct shop and of the naive one."""
    return [scrape.correct for scrape in scrapes], [scrape.naive for scrape in scrapes]


def _block(maximum: int) -> int:
    """Return how many requests one block of the chart represents, so that the maximum fits."""
    return max(1, -(-maximum // BAR))


def _bar(value: int, block: int) -> str:
    """Return a bar of block characters, with a resolution of an eighth of a block."""
    whole, rest = divmod(value * 8 // block, 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[rest].strip()


def _conclusion(scrapes: Sequence[Scrape]) -> Iterator[str]:
    """Yield three paragraphs: the results, the reason and the solution."""
    correct, naive = _series(scrapes)
    last = scrapes[-1]
    exact = sum(scrape.correct == scrape.sent for scrape in scrapes)
    decreases = sum(after < before for before, after in pairwise(naive))
    results = [
        f"{last.sent} requests were sent to each shop.",
        f"The correct counter was exact at {exact} of {len(scrapes)} scrapes.",
        f"The naive one {_decreased(decreases)}; its maximum was {max(naive)}, and its last value {last.naive}.",
        f"Prometheus treats each decrease as a counter reset: increase() returns "
        f"{_with_error(increase(naive), last.sent)} for the naive counter and "
        f"{_with_error(increase(correct), last.sent)} for the correct one.",
    ]
    if lost := sum(scrape.lost for scrape in scrapes):
        results.append(
            f"The {lost} requests that the killed naive worker had counted are lost; "
            f"the correct counter lost {last.sent - last.correct or 'none'}."
        )
    for sentences in (
        results,
        [
            "Why: each worker is a process with its own registry. Any free worker may serve a scrape of the naive "
            "/metrics, and it returns only what that worker has counted since it started.",
        ],
        [
            "What to do: app/uwsgi.ini gives the workers a shared directory for their counts, and starts a separate "
            "process that serves the scrapes. telemetry/src/pomar_telemetry/multiprocess.py names the metric files by "
            "worker slot, so that a respawned worker continues the counts of the killed one, and server.py in the "
            "same folder adds them up.",
        ],
    ):
        yield fill(" ".join(sentences), COLUMNS, break_on_hyphens=False, break_long_words=False)


def _decreased(number: int) -> str:
    return {0: "never decreased", 1: "decreased once"}.get(number, f"decreased {number} times")


def _with_error(counted: int, sent: int) -> str:
    """Return a count as text, followed by how much it is too high or too low."""
    wrong = counted - sent
    return f"{counted} ({abs(wrong)} too {'many' if wrong > 0 else 'few'})" if wrong else f"{counted}"
