"""Shop in the running lab with Locust."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError
from lab.host import ports
from lab.host.runtime import HostRuntime
from lab.parts import part
from lab.paths import CA_FILE, ROOT, STATE, VENV
from loadtest.options import BadOption, read_options

REPORTS = STATE / "reports"
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"
#: Units of each product that a run begins with, so that nothing is ever sold out in it.
AMPLE_STOCK = 10_000


def shop(host: HostRuntime, profile: str, options: Mapping[str, str] | None = None) -> tuple[int, Path]:
    """Restock, run a profile, and return Locust's exit code and the file of the result.

    ``options`` are further variables of ``loadtest/`` (``USERS``, ``DURATION``, ``SEED``), over the environment's.
    Raises LabError when the lab does not run, or when an option is not what it must be.
    """
    _restock(host, {**os.environ, "PROFILE": profile, **(options or {})})
    REPORTS.mkdir(exist_ok=True)
    result = REPORTS / f"load-{time.strftime('%Y%m%d-%H%M%S')}-{profile}.json"
    variables = {"PROFILE": profile, "LAB_LOAD_RESULT": str(result), **(options or {})}
    return _locust(host, ["--headless"], variables), result


def shop_from_page(host: HostRuntime) -> int:
    """Open Locust's own page at ``LOCUST_PORT`` until Ctrl-C and return its exit code."""
    _restock(host, os.environ)
    ports.refuse_taken(host.settings, ["LOCUST_PORT"])
    return _locust(host, ["--web-host", "127.0.0.1", "--web-port", host.settings["LOCUST_PORT"]], {})


def _restock(host: HostRuntime, variables: Mapping[str, str]) -> None:
    """Fill the shelves for what ``variables`` choose; raises LabError when they are wrong or the shop does not work."""
    if not host.is_running():
        raise LabError("the lab is not running: start it with `make up`.")
    if trouble := part("nginx").trouble(host.settings):
        raise LabError(f"the shop does not work: {trouble}. See `make status`.")
    try:
        chosen = read_options(variables)
    except BadOption as error:
        raise LabError(str(error)) from error
    # The catalogue's own stock is less than what the buyers of a flash sale want.
    stock = [] if chosen.profile.sells_out else ["--stock", str(AMPLE_STOCK)]
    host.manage("seed_catalogue", "--restock", *stock)


def _locust(host: HostRuntime, arguments: list[str], variables: Mapping[str, str]) -> int:
    address = part("nginx").url(host.settings, "")
    environment = {
        **os.environ,
        "LAB_CA_FILE": str(CA_FILE),
        "SHOP_HTTP_URL": f"http://localhost:{host.settings['SHOP_HTTP_PORT']}",
        **variables,
    }
    command = [str(VENV / "bin" / "locust"), "--locustfile", str(LOCUSTFILE), "--host", address, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches Locust as well, which ends its run and prints the summary.
            continue
