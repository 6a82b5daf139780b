"""Run a load test with Locust on the running lab, with a snapshot of all counters before and after it."""

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

#: The stock of each product at the start of a run. With this much, no product sells out.
AMPLE_STOCK = 10_000


def shop(runtime: Runtime, profile: str, options: Mapping[str, str] | None = None) -> tuple[int, Path]:
    """Restock the shop, run a load profile, and return Locust's exit code and the result file.

    The file also contains the lab's settings and versions, and the snapshots before and after the run, from which the
    ledger is built. ``options`` are further variables for ``loadtest/`` (``USERS``, ``DURATION``, ``SEED``,
    ``UNTIL_STOPPED``).
    Raises LabError if the lab is not running, if another load run is in progress, or if an option is invalid.
    """
    variables = {**(options or {}), "PROFILE": profile}
    with _only_load(runtime):
        _restock(runtime, variables)
        REPORTS.mkdir(exist_ok=True)
        result = REPORTS / f"load-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{profile}.json"
        opening = books.open_books(runtime)
        events.push(runtime, "load", "start", profile, f"{profile} started: {_planned(variables)}")
        code = runtime.shop(variables, result)
        if result.exists():
            run = json.loads(result.read_text(encoding="utf-8"))
            events.push(runtime, "load", "end", profile, f"{profile} finished: {_done(run)}")
            closing = snapshot.take(runtime)
            run["books"] = {"opening": opening.as_json(), "closing": closing.as_json()}
            run["lab"] = {"settings": versions.settings(runtime), "versions": versions.versions(runtime)}
            result.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return code, result


def _planned(variables: Mapping[str, str]) -> str:
    chosen = read_options(variables)
    time = "until it is stopped" if chosen.until_stopped else f"for {chosen.profile.seconds:g} s"
    return f"{chosen.profile.users} users {time}"


def _done(run: Mapping) -> str:
    rate = run["requests"] / run_seconds(run)
    return f"{run['users']} users, {run['requests']:,} requests ({rate:,.1f}/s), {run['failures']:,} failed"


def shop_from_page(runtime: Runtime, variables: Mapping[str, str]) -> int:
    """Serve Locust's web UI on ``LOCUST_PORT`` until Ctrl-C, and return Locust's exit code.

    ``variables`` are the ``options`` of :func:`shop` plus ``PROFILE``.
    """
    with _only_load(runtime):
        _restock(runtime, variables)
        return runtime.shop_from_page(variables)


@contextmanager
def _only_load(runtime: Runtime) -> Iterator[None]:
    """Refuse a second load run. Both would send the same header, and the ledger could not tell them apart."""
    STATE.mkdir(exist_ok=True)
    with LOAD_LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another load run is in progress in this lab: wait for it to finish, or stop it.") from error
        runtime.end_stray_load()
        yield


def _restock(runtime: Runtime, variables: Mapping[str, str]) -> None:
    """Reset the stock for the chosen profile. Raises LabError if an option is invalid or the shop is down."""
    runtime.require_running()
    if problem := runtime.answers(services.named("nginx")):
        raise LabError(f"the shop is down: {problem}. See `make status`.")
    try:
        chosen = read_options(variables)
    except BadOption as error:
        raise LabError(str(error)) from error
    # In a flash sale, the buyers want more than the catalogue's own stock.
    stock = [] if chosen.profile.sells_out else ["--stock", str(AMPLE_STOCK)]
    runtime.manage("seed_catalogue", "--restock", *stock)
