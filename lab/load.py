"""Shop in the running lab with Locust, and keep the books of it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError
from lab.ledger import books, cut
from lab.ledger.books import Ledger
from lab.ledger.cut import Cut
from lab.ledger.prometheus import Prometheus
from lab.parts import part
from lab.paths import STATE
from lab.runtime import Runtime
from loadtest.options import BadOption, read_options

REPORTS = STATE / "reports"
#: Units of each product that a run begins with, so that nothing is ever sold out in it.
AMPLE_STOCK = 10_000
#: What the environment may say about a run.
OPTIONS = ("PROFILE", "USERS", "DURATION", "SEED")


def shop(runtime: Runtime, profile: str, options: Mapping[str, str] | None = None) -> tuple[int, Path]:
    """Restock, run a profile, and return Locust's exit code and the file of the result.

    The file holds the cuts before and after the run as well, from which ``ledger_of`` makes its ledger. ``options`` are
    further variables of ``loadtest/`` (``USERS``, ``DURATION``, ``SEED``), over the environment's. Raises LabError when
    the lab does not run, when another load does, or when an option is not what it must be.
    """
    variables = {**_from_environment(), **(options or {}), "PROFILE": profile}
    with _only_load():
        _restock(runtime, variables)
        REPORTS.mkdir(exist_ok=True)
        result = REPORTS / f"load-{time.strftime('%Y%m%d-%H%M%S')}-{profile}.json"
        opening = books.open_books(runtime)
        code = runtime.shop(variables, result)
        if result.exists():
            closing = cut.take(runtime)
            run = json.loads(result.read_text(encoding="utf-8"))
            run["books"] = {"opening": opening.as_json(), "closing": closing.as_json()}
            result.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return code, result


def ledger_of(runtime: Runtime, result: Path) -> Ledger:
    """Return the ledger of a run by the file of its result.

    Raises LabError when the file is none of a run whose books were kept.
    """
    try:
        run = json.loads(result.read_text(encoding="utf-8"))
        opening, closing = (Cut.from_json(run["books"][name]) for name in ("opening", "closing"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"{result} holds no run with its books ({type(error).__name__}): `make load` writes one."
        ) from error
    return books.balance(Prometheus(runtime.url(part("prometheus"), "")), opening, closing, run)


def last_result() -> Path:
    """Return the file of the newest run; raises LabError when there is none."""
    found = sorted(REPORTS.glob("load-*.json"))
    if not found:
        raise LabError("there was no run yet: `make load` makes one.")
    return found[-1]


def shop_from_page(runtime: Runtime) -> int:
    """Open Locust's own page at ``LOCUST_PORT`` until Ctrl-C and return its exit code."""
    variables = _from_environment()
    with _only_load():
        _restock(runtime, variables)
        return runtime.shop_from_page(variables)


@contextmanager
def _only_load() -> Iterator[None]:
    """Keep a second load away: both would carry the mark by which the ledger knows its own."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "load.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LabError("another load shops in this lab: wait for it to end, or stop it.") from error
        yield


def _from_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in OPTIONS if os.environ.get(name)}


def _restock(runtime: Runtime, variables: Mapping[str, str]) -> None:
    """Fill the shelves for what ``variables`` choose; raises LabError when they are wrong or the shop does not work."""
    if not runtime.is_running():
        raise LabError("the lab is not running: start it with `make up`.")
    if trouble := runtime.answers(part("nginx")):
        raise LabError(f"the shop does not work: {trouble}. See `make status`.")
    try:
        chosen = read_options(variables)
    except BadOption as error:
        raise LabError(str(error)) from error
    # The catalogue's own stock is less than what the buyers of a flash sale want.
    stock = [] if chosen.profile.sells_out else ["--stock", str(AMPLE_STOCK)]
    runtime.manage("seed_catalogue", "--restock", *stock)
