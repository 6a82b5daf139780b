"""Shop in the running lab with Locust, and keep the books of it."""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.paths import REPORTS, STATE
from lab.runs import events, versions
from lab.runs.ledger import books, snapshot
from lab.runs.report.figures import run_seconds
from lab.runtimes import services
from lab.runtimes.base import LOAD_LOCK, Runtime
from loadtest.options import BadOption, read_options

#: Units of each product that a run begins with, so that nothing is ever sold out in it.
AMPLE_STOCK = 10_000


def shop(runtime: Runtime, profile: str, options: Mapping[str, str] | None = None) -> tuple[int, Path]:
    """Restock, run a profile, and return Locust's exit code and the file of the result.

    The file also holds the snapshots before and after the run, from which its ledger is made, and the settings and
    versions of the lab. ``options`` are further variables of ``loadtest/`` (``USERS``, ``DURATION``, ``SEED``).
    Raises LabError when the lab does not run, when another load does, or when an option is not what it must be.
    """
    variables = {**(options or {}), "PROFILE": profile}
    with _only_load(runtime):
        _restock(runtime, variables)
        REPORTS.mkdir(exist_ok=True)
        result = REPORTS / f"load-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{profile}.json"
        opening = books.open_books(runtime)
        events.tell(runtime, "load", "start", profile, f"{profile} begins: {_wanted(variables)}")
        code = runtime.shop(variables, result)
        if result.exists():
            run = json.loads(result.read_text(encoding="utf-8"))
            events.tell(runtime, "load", "end", profile, f"{profile} ends: {_done(run)}")
            closing = snapshot.take(runtime)
            run["books"] = {"opening": opening.as_json(), "closing": closing.as_json()}
            run["lab"] = {"settings": versions.settings(runtime), "versions": versions.versions(runtime)}
            result.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return code, result


def _wanted(variables: Mapping[str, str]) -> str:
    chosen = read_options(variables)
    return f"{chosen.profile.users} users for {chosen.profile.seconds:g} s"


def _done(run: Mapping) -> str:
    rate = run["requests"] / run_seconds(run)
    return f"{run['users']} users, {run['requests']:,} requests ({rate:,.1f}/s), {run['failures']:,} failed"


def shop_from_page(runtime: Runtime, variables: Mapping[str, str]) -> int:
    """Open Locust's own page at ``LOCUST_PORT`` until Ctrl-C and return its exit code.

    ``variables`` are those of :func:`shop`, and ``PROFILE``.
    """
    with _only_load(runtime):
        _restock(runtime, variables)
        return runtime.shop_from_page(variables)


@contextmanager
def _only_load(runtime: Runtime) -> Iterator[None]:
    """Keep a second load away: both would carry the mark by which the ledger knows its own."""
    STATE.mkdir(exist_ok=True)
    with LOAD_LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another load shops in this lab: wait for it to end, or stop it.") from error
        runtime.end_stray_load()
        yield


def _restock(runtime: Runtime, variables: Mapping[str, str]) -> None:
    """Fill the shelves for what ``variables`` choose; raises LabError when they are wrong or the shop does not work."""
    runtime.require_running()
    if trouble := runtime.answers(services.named("nginx")):
        raise LabError(f"the shop does not work: {trouble}. See `make status`.")
    try:
        chosen = read_options(variables)
    except BadOption as error:
        raise LabError(str(error)) from error
    # The catalogue's own stock is less than what the buyers of a flash sale want.
    stock = [] if chosen.profile.sells_out else ["--stock", str(AMPLE_STOCK)]
    runtime.manage("seed_catalogue", "--restock", *stock)
