"""The options for a load run, read from environment variables."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from loadtest.shapes import DEFAULT_PROFILE, PROFILES, Profile

MAX_USERS = 1000
MIN_SECONDS = 5
MAX_SECONDS = 24 * 3600
UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class BadOption(Exception):
    """A variable has an invalid value. The message is a sentence that names the variable."""


class Options(NamedTuple):
    """The options for a load run.

    ``profile_named`` is true if PROFILE is set. ``until_stopped`` means that the run is meant to be stopped before its
    time is up. ``token`` lets NGINX recognize the load run.
    """

    profile: Profile
    profile_named: bool
    until_stopped: bool
    seed: int
    ca_file: Path | None
    token: str | None
    http_url: str | None
    result_file: Path | None


def read_options(environment: Mapping[str, str]) -> Options:
    """Read the options from environment variables. Raises BadOption if a value is invalid.

    An empty variable counts as not set.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    name = given.get("PROFILE", DEFAULT_PROFILE)
    if name not in PROFILES:
        raise BadOption(f"PROFILE={name} is not a profile: choose one of {', '.join(PROFILES)}.")
    return Options(
        profile=PROFILES[name].scaled(users=_users(given.get("USERS")), seconds=_seconds(given.get("DURATION"))),
        profile_named="PROFILE" in given,
        until_stopped="UNTIL_STOPPED" in given,
        seed=_seed(given.get("SEED", "1")),
        ca_file=_ca_file(given.get("LAB_CA_FILE")),
        token=_token(given.get("LAB_TOKEN_FILE")),
        http_url=_http_url(given.get("SHOP_HTTP_URL")),
        result_file=_result_file(given.get("LAB_LOAD_RESULT")),
    )


def _users(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_USERS:
        raise BadOption(f"USERS={text} is not a whole number from 1 to {MAX_USERS}.")
    return int(text)


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})([smh]?)", text)
    seconds = int(found[1]) * UNIT_SECONDS[found[2]] if found else 0
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise BadOption(f"DURATION={text} is not a duration from {MIN_SECONDS}s to 24h, such as 90s, 5m or 1h.")
    return seconds


def _seed(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadOption(f"SEED={text} is not a whole number with at most 18 digits.")
    return int(text)


def _ca_file(text: str | None) -> Path | None:
    if text is None:
        return None
    if not Path(text).is_file():
        raise BadOption(f"LAB_CA_FILE={text} is not a file: it must be the lab's CA certificate.")
    return Path(text)


def _token(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return Path(text).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(f"LAB_TOKEN_FILE={text} cannot be read: it must be the file with the lab token.") from error


def _http_url(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme == "http" and parts.hostname and parts.port != 0 and not parts.path.strip("/")
    except ValueError:
        usable = False
    if not usable:
        raise BadOption(f"SHOP_HTTP_URL={text} is not a URL such as http://localhost:8080.")
    return text.rstrip("/")


def _result_file(text: str | None) -> Path | None:
    if text is None:
        return None
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise BadOption(f"LAB_LOAD_RESULT={text} cannot be written: it must be a file in an existing folder.")
    return path
