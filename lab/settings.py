"""The lab's settings: ``.env`` at the top of the checkout, overridden by the environment."""

import re
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError
from lab.paths import ROOT


def _port(value: str) -> str:
    if not (value.isdecimal() and 1 <= int(value) <= 65535):
        raise ValueError("a port from 1 to 65535")
    return value


def _count(most: int, least: int = 1):
    def check(value: str) -> str:
        if not (value.isdecimal() and least <= int(value) <= most):
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def _matching(pattern: str, meaning: str):
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(meaning)
        return value

    return check


def _url(value: str) -> str:
    if value and not re.match(r"[a-z][a-z0-9+]*://", value):
        raise ValueError("empty, or a URL such as postgres://user:password@host:5432/name")
    return value


def _retention_size(value: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]*)(MB|GB|TB)", value)
    if not found or int(found[1]) * {"MB": 1, "GB": 1024, "TB": 1024**2}[found[2]] < LEAST_RETENTION_MB:
        raise ValueError(f"a size of at least {LEAST_RETENTION_MB}MB, such as 1GB")
    return value


_image = _matching(r"[a-z0-9][a-z0-9._/:-]*[:@][A-Za-z0-9._:-]+", "the name of an image with its version")


#: The official images of the Compose runtime, each with its exact version.
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

MOST_WORKERS = 64
#: With fewer, the recycling of workers looks like a loop of respawns (the alert WorkerRespawnLoop).
LEAST_MAX_REQUESTS = 100
#: With less, what Prometheus has in its log before the first block is near the bound (the alert StorageNearBound).
LEAST_RETENTION_MB = 256
#: What a worker needs, and all else in its container.
WORKER_MIB, APP_BASE_MIB = 60, 100

#: Each setting, and what its value must be.
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
    "SHOP_HOSTS": _matching(r"[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*", "host names or IPv4 addresses with commas between"),
    "DATABASE_URL": _url,
    "CACHE_URL": _url,
    "UWSGI_WORKERS": _count(MOST_WORKERS),
    "UWSGI_MAX_REQUESTS": _count(1_000_000, LEAST_MAX_REQUESTS),
    # NGINX waits for 35 s: a worker must be killed before.
    "UWSGI_HARAKIRI": _count(30),
    "LAB_FAULTS": _matching("0|1", "1, or 0 for a shop that commits no fault on demand"),
    "APP_CPUS": _matching(r"[1-9][0-9]*|0\.[1-9]", "a number of cores such as 2 or 0.5"),
    "APP_MEMORY": _matching(r"[1-9][0-9]*m", "a size in MiB such as 512m"),
    "PROMETHEUS_RETENTION_TIME": _matching(r"[1-9][0-9]*(ms|s|m|h|d|w|y)", "a duration such as 15d"),
    "PROMETHEUS_RETENTION_SIZE": _retention_size,
    "IMAGES": _matching("auto|official|debian", "auto, official or debian"),
    "DEBIAN_SUITE": _matching(r"[a-z]+", "the name of a release of Debian, such as trixie"),
    **dict.fromkeys(OFFICIAL_IMAGES, _image),
}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the settings of an ``.env`` file: one ``NAME=value`` a line, ``#`` begins a comment line.

    Raises LabError for a file that cannot be read, a line of another form, or a name that is no setting.
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
            raise LabError(f"line {number} of {path.name} sets {name}, which is no setting: see the list in README.md.")
        settings[name] = value
    return settings


def load(environment: Mapping[str, str], path: Path = ROOT / ".env") -> dict[str, str]:
    """Return every setting as text, checked.

    Raises LabError when one is missing or is not what it must be, or when two parts are given one port.
    """
    settings = {"DATABASE_URL": "", "CACHE_URL": "", **read_env_file(path)}
    settings |= {name: environment[name] for name in CHECKS if environment.get(name)}
    for name, check in CHECKS.items():
        if name not in settings:
            raise LabError(f"{name} is missing from {path.name}: restore it with `git checkout .env`.")
        try:
            check(settings[name])
        except ValueError as error:
            # A URL may hold a password.
            value = "not right" if name.endswith("_URL") else repr(settings[name])
            raise LabError(f"{name} is {value}, but must be {error}: mend it in .env.") from error
    ports: dict[str, str] = {}
    for name in CHECKS:
        if not name.endswith("_PORT"):
            continue
        if other := ports.get(settings[name]):
            raise LabError(f"{other} and {name} are both {settings[name]}: give each part its own port in .env.")
        ports[settings[name]] = name
    # The lab itself asks for the shop at localhost.
    settings["SHOP_HOSTS"] = ",".join(dict.fromkeys([*settings["SHOP_HOSTS"].split(","), "localhost", "127.0.0.1"]))
    return settings


def require_memory(settings: Mapping[str, str]) -> None:
    """Raise LabError when the shop's container would have too little memory for its workers."""
    workers, memory = settings["UWSGI_WORKERS"], settings["APP_MEMORY"]
    needed = APP_BASE_MIB + WORKER_MIB * int(workers)
    if int(memory.removesuffix("m")) < needed:
        raise LabError(
            f"APP_MEMORY is {memory}, but UWSGI_WORKERS={workers} needs {needed}m: raise the one or lower the other."
        )
