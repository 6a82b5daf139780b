"""The load on the shop: `locust -f loadtest/locustfile.py --headless --host https://localhost:8443`.

The environment chooses: PROFILE (see shapes.py), USERS, DURATION, SEED, LAB_CA_FILE, LAB_TOKEN_FILE (by which NGINX
tells this load from others), SHOP_HTTP_URL (plain HTTP, when NGINX is there to redirect it and to refuse methods),
LAB_LOAD_RESULT (a file for the figures), LAB_LOAD_UNTIL_EOF (set: the run ends when standard input is closed) and
LAB_LOAD_TERMINAL (set: the output reaches a terminal). On Locust's own page it is said how many users come, unless
PROFILE is set.
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

# This load says itself how it goes; `--loglevel INFO` brings Locust's own words back.
os.environ.setdefault("LOCUST_LOGLEVEL", "WARNING")

try:
    OPTIONS = read_options(os.environ)
except BadOption as error:
    sys.exit(f"load: {error}")


class Shape(LoadTestShape):
    """The profile's stages."""

    def tick(self) -> tuple[int, float] | None:
        """Return users and spawn rate of the present stage."""
        stage = OPTIONS.profile.stage_at(self.get_run_time())
        return stage and (stage.users, stage.spawn_rate)


@events.init.add_listener
def prepare(environment: Any, web_ui: Any, **_: Any) -> None:
    """Wire a run to Locust, or end with one sentence when it could not be judged."""
    by_hand = web_ui is not None and not OPTIONS.profile_named
    if by_hand:
        environment.shape_class = None
    environment.user_classes = [Hunter] if OPTIONS.profile.sells_out else [Browser, Buyer, Impatient, Lost]
    environment.parsed_options.only_summary = True
    logging.getLogger("locust.stats_logger").disabled = True
    try:
        environment.load = LoadRun(environment, OPTIONS, title="by hand" if by_hand else OPTIONS.profile.name)
    except ssl.SSLError:
        sys.exit(f"load: LAB_CA_FILE={OPTIONS.ca_file} holds no certificate.")
    _expect_trust(environment.host)
    if web_ui:
        print(f"Locust's page: http://{web_ui.host or 'localhost'}:{web_ui.port}", flush=True)
    else:
        _expect_a_shop(environment.host)
        # Without this SIGTERM would end it amid the visitors' requests, and Ctrl-C would be raised in the visitor whose
        # turn it is: he would be gone, and his request in NGINX's figures alone.
        for number in (signal.SIGINT, signal.SIGTERM):
            gevent.signal_handler(number, environment.runner.quit)
    if os.environ.get("LAB_LOAD_UNTIL_EOF"):
        gevent.spawn(_end_at_eof)


def _end_at_eof() -> None:
    """End the run as a kill does once standard input is closed: what started it was stopped or killed."""
    try:
        while True:
            wait_read(sys.stdin.fileno())
            if not os.read(sys.stdin.fileno(), 4096):
                break
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _expect_trust(host: str | None) -> None:
    if (host or "").startswith("https:") and not OPTIONS.ca_file:
        sys.exit(f"load: {CA_FILE_NEEDED}")


def _expect_a_shop(host: str | None) -> None:
    parts = urlsplit(host or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        sys.exit("load: name the shop as in --host https://localhost:8443.")
    try:
        socket.create_connection((parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)), 5).close()
    except (OSError, ValueError) as error:
        sys.exit(f"load: nobody answers at {host} ({getattr(error, 'strerror', error)}): is the lab up?")
