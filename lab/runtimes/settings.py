"""The lab's settings: ``.env`` in the checkout, overridden by environment variables."""

import re
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import hosts


def _number(maximum: int, meaning: str = "a whole number", *, minimum: int = 1):
    def check(value: str) -> str:
        # Each number has only one spelling. Otherwise 08443 and 8443 would compare as two different ports.
        if not (re.fullmatch(r"[1-9][0-9]{0,6}", value) and minimum <= int(value) <= maximum):
            raise ValueError(f"{meaning} from {minimum} to {maximum}")
        return value

    return check


_port = _number(65535, "a port")


def _matching(pattern: str, meaning: str):
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(meaning)
        return value

    return check


def _retention_size(value: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]*)(MB|GB|TB)", value)
    if not found or int(found[1]) * {"MB": 1, "GB": 1024, "TB": 1024**2}[found[2]] < MIN_RETENTION_MB:
        raise ValueError(f"a size of at least {MIN_RETENTION_MB}MB, such as 1GB")
    return value


_image = _matching(r"[a-z0-9][a-z0-9._/:-]*[:@][A-Za-z0-9._:-]+", "an image name with a version")


#: The settings for the Compose runtime's official images, each with an exact version. If a setting is empty, its image
#: is not used.
OFFICIAL_IMAGES = (
    "IMAGE_PAUSE",
    "IMAGE_NGINX",
    "IMAGE_PYTHON",
    "IMAGE_POSTGRES",
    "IMAGE_VALKEY",
    "IMAGE_NGINX_EXPORTER",
    "IMAGE_UWSGI_EXPORTER",
    "IMAGE_DEBIAN",
    "IMAGE_POSTGRES_EXPORTER",
    "IMAGE_REDIS_EXPORTER",
    "IMAGE_BLACKBOX_EXPORTER",
    "IMAGE_PROMETHEUS",
    "IMAGE_ALERTMANAGER",
    "IMAGE_PUSHGATEWAY",
    "IMAGE_GRAFANA",
)

MAX_WORKERS = 64
#: With a lower value, normal worker recycling would trigger the alert WorkerRespawnLoop.
MIN_MAX_REQUESTS = 100
#: With a lower limit, Prometheus's WAL alone would trigger the alert StorageNearBound before the first block is
#: written.
MIN_RETENTION_MB = 256

#: The check for each setting.
CHECKS = {
    "SHOP_HTTPS_PORT": _port,
    "SHOP_HTTP_PORT": _port,
    "PROMETHEUS_PORT": _port,
    "ALERTMANAGER_PORT": _port,
    "PUSHGATEWAY_PORT": _port,
    "RECEIVER_PORT": _port,
    "GRAFANA_PORT": _port,
    "LOCUST_PORT": _port,
    "APP_PORT": _port,
    "APP_METRICS_PORT": _port,
    "APP_STATS_PORT": _port,
    "NGINX_STATUS_PORT": _port,
    "EXPORTER_NGINX_PORT": _port,
    "EXPORTER_UWSGI_PORT": _port,
    "EXPORTER_ACCESS_LOG_PORT": _port,
    "EXPORTER_BLACKBOX_PORT": _port,
    "SHOP_HOSTS": hosts.read,
    "LAB_DATABASE_URL": _matching(
        r"(sqlite:///.+|(postgres|postgresql)://.+)?", "empty, or a URL such as postgres://user:password@host:5432/name"
    ),
    "LAB_CACHE_URL": _matching(r"(locmem://|rediss?://.+)?", "empty, or a URL such as redis://host:6379/0"),
    "UWSGI_WORKERS": _number(MAX_WORKERS),
    "UWSGI_MAX_REQUESTS": _number(1_000_000, minimum=MIN_MAX_REQUESTS),
    # NGINX waits up to 35 s for a response, so a stuck worker must be killed before that.
    "UWSGI_HARAKIRI": _number(30),
    "LAB_FAULTS": _matching("0|1", "1, or 0 to disable fault injection"),
    "APP_CPUS": _matching(r"[1-9][0-9]*|0\.[1-9]", "a number of CPUs such as 2 or 0.5"),
    "APP_MEMORY": _matching(r"[1-9][0-9]*m", "a size in MiB such as 512m"),
    "PROMETHEUS_RETENTION_TIME": _matching(r"[1-9][0-9]*(ms|s|m|h|d|w|y)", "a duration such as 15d"),
    "PROMETHEUS_RETENTION_SIZE": _retention_size,
    "IMAGES": _matching("auto|official|debian|lookalike", "auto, official, debian or lookalike"),
    "DEBIAN_SUITE": _matching(r"[a-z]+", "the name of a Debian release, such as trixie"),
    **dict.fromkeys(OFFICIAL_IMAGES, _image),
    "IMAGE_UWSGI_EXPORTER": lambda value: value and _image(value),
}


def without_password(url: str) -> str:
    """Return a database URL without its credentials."""
    return re.sub(r"//.*@", "//", url).partition("?")[0]


def read_env_file(path: Path) -> dict[str, tuple[str, int]]:
    """Return the settings in an ``.env`` file (``NAME=value`` lines, ``#`` for comments) with their line numbers.

    Raises LabError if the file cannot be read, if a line has any other form, or if a name is not a setting.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{path.name} cannot be read ({error}): restore it with `git checkout .env`.") from error
    settings = {}
    for number, line in enumerate(lines, start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise LabError(f"line {number} of {path.name} is {line!r}: write NAME=value.")
        if name not in CHECKS:
            hint = f"write LAB_{name}" if f"LAB_{name}" in CHECKS else "see the list in docs/settings.md"
            raise LabError(f"line {number} of {path.name} sets {name}, which is not a setting: {hint}.")
        settings[name] = (value, number)
    return settings


def load(environment: Mapping[str, str], path: Path = ROOT / ".env") -> dict[str, str]:
    """Check all settings and return them as strings.

    Raises LabError if a setting is missing or invalid, or if two services have the same port. The error names the place
    to change.
    """
    settings = {"LAB_DATABASE_URL": "", "LAB_CACHE_URL": ""}
    places = {}
    for name, (value, number) in read_env_file(path).items():
        settings[name], places[name] = value, f"line {number} of {path.name}"
    for name in CHECKS:
        if environment.get(name):
            settings[name], places[name] = environment[name], f"the environment variable {name}"
    for name, check in CHECKS.items():
        if name not in settings:
            raise LabError(f"{name} is missing from {path.name}: restore it with `git checkout .env`.")
        try:
            check(settings[name])
        except ValueError as error:
            # A URL may contain a password.
            value = "invalid" if name.endswith("_URL") else repr(settings[name])
            change = "change or unset" if environment.get(name) else "change"
            raise LabError(f"{name} is {value}, but must be {error}: {change} {places[name]}.") from error
    ports: dict[str, str] = {}
    for name in CHECKS:
        if not name.endswith("_PORT"):
            continue
        if other := ports.get(settings[name]):
            raise LabError(
                f"{other} and {name} are both {settings[name]}, but two services cannot share a port: "
                f"change {places[other]} or {places[name]}."
            )
        ports[settings[name]] = name
    # The lab itself connects to the shop at 127.0.0.1.
    settings["SHOP_HOSTS"] = ",".join(dict.fromkeys([*hosts.read(settings["SHOP_HOSTS"]), "localhost", "127.0.0.1"]))
    return settings
