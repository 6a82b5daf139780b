"""The environment, read and typed: each function turns one variable into what a setting needs.

A value that cannot be understood raises ImproperlyConfigured with one sentence that names the variable and
says how to mend it. Values themselves are not repeated in it: an address may carry a password.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

DATABASE_ENGINES = {
    "sqlite": "django_prometheus.db.backends.sqlite3",
    "postgres": "django_prometheus.db.backends.postgresql",
    "postgresql": "django_prometheus.db.backends.postgresql",
}
SQLITE_OPTIONS = {
    # Without IMMEDIATE a read that turns into a write fails at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    "timeout": 20,
}
CACHE_BACKENDS = {
    "locmem": "django_prometheus.cache.backends.locmem.LocMemCache",
    "redis": "django_prometheus.cache.backends.redis.RedisCache",
    "rediss": "django_prometheus.cache.backends.redis.RedisCache",
}


def value_or_file(name: str) -> str:
    """The variable ``name``, or what is in the file that ``<name>_FILE`` names; nothing when neither is set.

    What is secret is handed over in a file, which no listing of processes or containers shows.
    """
    value, file = env.str(name, default=""), env.str(f"{name}_FILE", default="")
    if value or not file:
        return value
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which cannot be read: {error}.") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE names {file}, which is empty: put the value in it.")
    return value


def secret_key() -> str:
    """The key from SECRET_KEY, or from the file that SECRET_KEY_FILE names."""
    key = value_or_file("SECRET_KEY")
    if not key:
        raise ImproperlyConfigured("Pomar needs a secret key: set SECRET_KEY, or SECRET_KEY_FILE to a file with it.")
    return key


def lab_faults_token() -> str:
    """The token of who may ask for faults, from LAB_TOKEN or LAB_TOKEN_FILE; nothing unless LAB_FAULTS is on.

    A lab's runtime sets both. A shop that sells has neither.
    """
    if not env.bool("LAB_FAULTS", default=False):
        return ""
    token = value_or_file("LAB_TOKEN")
    if not re.fullmatch(r"[0-9a-f]{32,}", token):
        raise ImproperlyConfigured(
            "LAB_FAULTS is on without a token that cannot be guessed: set LAB_TOKEN_FILE to a file with at least 32 "
            "random hexadecimal digits, or leave LAB_FAULTS out."
        )
    return token


def whole_number(name: str, *, default: int) -> int:
    """A number of at least 0 from the variable ``name``."""
    text = env.str(name, default=str(default))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{name} must be a whole number of at least 0.")
    return int(text)


def hosts(name: str, *, default: str) -> list[str]:
    """Host names from a comma list; there is always at least one."""
    names = [host.strip() for host in env.str(name, default=default).split(",") if host.strip()]
    if not names:
        raise ImproperlyConfigured(f"{name} must name at least one host, as in {default}.")
    return names


def database(*, default_file: Path) -> dict[str, Any]:
    """Django's description of the database that DATABASE_URL names (or the file that DATABASE_URL_FILE names).

    The engine is django-prometheus's. Without DATABASE_URL it is SQLite in ``default_file``, whose folder is made.
    """
    url = value_or_file("DATABASE_URL")
    if not url:
        try:
            default_file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(
                f"The folder {default_file.parent} for the database cannot be made "
                f"({error.strerror}): mend that, or set DATABASE_URL."
            ) from error
        url = f"sqlite:///{quote(str(default_file))}"
    try:
        engine = DATABASE_ENGINES[urlsplit(url).scheme]
        config = env.db_url_config(url, engine)
    except (KeyError, ValueError):
        config = {}
    if not config.get("NAME"):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like sqlite:////folder/shop.sqlite3 or "
            "postgres://user:password@host:5432/name (with signs in the password percent-encoded)."
        )
    options = dict(config.pop("OPTIONS", {}))
    if engine.endswith("sqlite3"):
        return {**config, "OPTIONS": SQLITE_OPTIONS | options}
    # A database that is away must fail within a few seconds, not hold every worker until its harakiri.
    return {
        **config,
        "OPTIONS": {"connect_timeout": 5} | options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def cache() -> dict[str, Any]:
    """Django's description of the cache that CACHE_URL (or CACHE_URL_FILE) names, with django-prometheus's backend."""
    url = value_or_file("CACHE_URL") or "locmem://"
    try:
        parts = urlsplit(url)
        backend, host, _ = CACHE_BACKENDS[parts.scheme], parts.hostname, parts.port
    except (KeyError, ValueError):
        backend, host = "", None
    if not backend or (parts.scheme != "locmem" and not host):
        raise ImproperlyConfigured("CACHE_URL must look like locmem:// or redis://host:6379/0.")
    if parts.scheme == "locmem":
        return {"BACKEND": backend, "LOCATION": "pomar"}
    # A cache that hangs must cost less than what it saves.
    return {
        "BACKEND": backend,
        "LOCATION": url,
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.25, "SOCKET_TIMEOUT": 0.25},
    }
