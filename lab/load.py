"""Shop in the running lab with Locust."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError
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

    ``options`` are further variables of ``loadtest/`` (``USERS``, ``DURATION``, ``SEED``), over the environment's.
    Raises LabError when the lab does not run, or when an option is not what it must be.
    """
    variables = {**_from_environment(), **(options or {}), "PROFILE": profile}
    _restock(runtime, variables)
    REPORTS.mkdir(exist_ok=True)
    result = REPORTS / f"load-{time.strftime('%Y%m%d-%H%M%S')}-{profile}.json"
    return runtime.shop(variables, result), result


def shop_from_page(runtime: Runtime) -> int:
    """Open Locust's own page at ``LOCUST_PORT`` until Ctrl-C and return its exit code."""
    variables = _from_environment()
    _restock(runtime, variables)
    return runtime.shop_from_page(variables)


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
