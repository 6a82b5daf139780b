"""The shop's load test: `locust -f loadtest/locustfile.py --headless --host https://localhost:8443`.

Environment variables:

- PROFILE (see shapes.py), USERS, DURATION, SEED
- LAB_CA_FILE: the lab's CA certificate
- LAB_TOKEN_FILE: the file with the token by which NGINX recognizes this load run
- SHOP_HTTP_URL: the shop's plain HTTP URL. If set, NGINX is expected to redirect it to HTTPS, and to reject PUT.
- LAB_LOAD_RESULT: the result file
- LAB_LOAD_UNTIL_EOF: if set, the run stops when standard input is closed
- LAB_LOAD_TERMINAL: if set, the output is formatted for a terminal

In Locust's web UI, the user enters the number of users unless PROFILE is set.
"""

import logging
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.socket import wait_read
from locust import LoadTestShape, events

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loadtest.load_run import LoadRun
from loadtest.options import BadOption, read_options
from loadtest.personas.browser import Browser
from loadtest.personas.buyer import Buyer
from loadtest.personas.hunter import Hunter
from loadtest.personas.impatient import Impatient
from loadtest.personas.lost import Lost
from loadtest.visitor import CA_FILE_NEEDED

# The load run prints its own progress; `--loglevel INFO` brings back Locust's messages.
os.environ.setdefault("LOCUST_LOGLEVEL", "WARNING")

try:
    OPTIONS = read_options(os.environ)
except BadOption as error:
    sys.exit(f"load: {error}")


class Shape(LoadTestShape):
    """Makes Locust follow the profile's stages."""

    def tick(self) -> tuple[int, float] | None:
        """Return the current stage's number of users and spawn rate, or None when the profile is over."""
        stage = OPTIONS.profile.stage_at(self.get_run_time())
        return stage and (stage.users, stage.spawn_rate)


@events.init.add_listener
def prepare(environment: Any, web_ui: Any, **_: Any) -> None:
    """Set up a run, or exit with one sentence if an option is invalid."""
    by_hand = web_ui is not None and not OPTIONS.profile_named
    if by_hand:
        environment.shape_class = None
    environment.user_classes = [Hunter] if OPTIONS.profile.sells_out else [Browser, Buyer, Impatient, Lost]
    environment.parsed_options.only_summary = True
    logging.getLogger("locust.stats_logger").disabled = True
    try:
        environment.load = LoadRun(environment, OPTIONS, title="by hand" if by_hand else OPTIONS.profile.name)
    except ssl.SSLError:
        sys.exit(f"load: LAB_CA_FILE={OPTIONS.ca_file} does not contain a certificate.")
    _require_ca_file(environment.host)
    if web_ui:
        print(f"Locust's web UI: http://{web_ui.host or 'localhost'}:{web_ui.port}", flush=True)
    else:
        _require_shop(environment.host)
        # Without these handlers, Locust would exit in the middle of requests on SIGTERM, and Ctrl-C would raise an
        # exception in the running greenlet. NGINX would then count that greenlet's request, but Locust would not.
        for number in (signal.SIGINT, signal.SIGTERM):
            gevent.signal_handler(number, environment.runner.quit)
    if os.environ.get("LAB_LOAD_UNTIL_EOF"):
        gevent.spawn(_stop_at_eof)


def _stop_at_eof() -> None:
    """Stop the run once standard input is closed. This means that the process that started the run has exited."""
    try:
        while True:
            wait_read(sys.stdin.fileno())
            if not os.read(sys.stdin.fileno(), 4096):
                break
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _require_ca_file(host: str | None) -> None:
    if (host or "").startswith("https:") and not OPTIONS.ca_file:
        sys.exit(f"load: {CA_FILE_NEEDED}")


def _require_shop(host: str | None) -> None:
    parts = urlsplit(host or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        sys.exit("load: the shop's URL is missing: set --host, for example --host https://localhost:8443.")
    try:
        socket.create_connection((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)), 5).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        sys.exit(f"load: cannot connect to {host} ({reason}): is the lab running?")
