"""Read settings from environment variables. Each function reads and validates one variable.

An invalid value raises ImproperlyConfigured, with one sentence that names the variable and says how to fix it.
The sentence never contains the value, because a URL may include a password.
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
    # Without IMMEDIATE, a transaction that first reads and then writes can fail at once with "database is locked".
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
    """Return the value of the variable ``name``, or the content of the file that ``<name>_FILE`` points to.

    Returns an empty string if neither is set. Secrets are passed in files so that they do not appear in process or
    container listings.
    """
    value, file = env.str(name, default=""), env.str(f"{name}_FILE", default="")
    if value or not file:
        return value
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE is set to {file}, which cannot be read: {error}.") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE is set to {file}, which is empty: write the value to that file.")
    return value


def secret_key() -> str:
    """Return the key from SECRET_KEY, or from the file that SECRET_KEY_FILE points to."""
    key = value_or_file("SECRET_KEY")
    if not key:
        raise ImproperlyConfigured(
            "No secret key is configured: set SECRET_KEY, or set SECRET_KEY_FILE to a file that contains it."
        )
    return key


def lab_faults_token() -> str:
    """Return the token that clients need to inject faults. Empty unless LAB_FAULTS is on.

    The token comes from LAB_TOKEN or LAB_TOKEN_FILE. The lab sets it together with LAB_FAULTS. In production, set
    neither.
    """
    if not env.bool("LAB_FAULTS", default=False):
        return ""
    token = value_or_file("LAB_TOKEN")
    if not re.fullmatch(r"[0-9a-f]{32,}", token):
        raise ImproperlyConfigured(
            "LAB_FAULTS is on without a valid LAB_TOKEN: set LAB_TOKEN_FILE to a file with at least 32 random "
            "lowercase hexadecimal digits, or unset LAB_FAULTS."
        )
    return token


def whole_number(name: str, *, default: int) -> int:
    """Return the variable ``name`` as a whole number of at least 0."""
    text = env.str(name, default=str(default))
    if not (text.isascii() and text.isdigit()):
        raise ImproperlyConfigured(f"{name} must be a whole number of at least 0.")
    return int(text)


def hosts(name: str, *, default: str) -> list[str]:
    """Return the host names in a comma-separated list. Raises ImproperlyConfigured if there are none."""
    names = [host.strip() for host in env.str(name, default=default).split(",") if host.strip()]
    if not names:
        raise ImproperlyConfigured(f"{name} must name at least one host, for example {default}.")
    return names


def database(*, default_file: Path) -> dict[str, Any]:
    """Return the ``DATABASES`` entry for DATABASE_URL or DATABASE_URL_FILE, with a django-prometheus engine.

    If neither is set, the database is SQLite in ``default_file``. Its folder is created if necessary.
    """
    url = value_or_file("DATABASE_URL")
    if not url:
        try:
            default_file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(
                f"The database folder {default_file.parent} cannot be created ({error.strerror}): "
                "fix that, or set DATABASE_URL."
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
            "postgres://user:password@host:5432/name (percent-encode special characters in the password)."
        )
    options = dict(config.pop("OPTIONS", {}))
    if engine.endswith("sqlite3"):
        return {**config, "OPTIONS": SQLITE_OPTIONS | options}
    # If the database is unreachable, fail within seconds instead of blocking every worker until the harakiri timeout.
    return {
        **config,
        "OPTIONS": {"connect_timeout": 5} | options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def cache() -> dict[str, Any]:
    """Return the ``CACHES`` entry for CACHE_URL or CACHE_URL_FILE, with a django-prometheus backend."""
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
    # Waiting for a hanging cache must not take longer than doing the work without a cache.
    return {
        "BACKEND": backend,
        "LOCATION": url,
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.25, "SOCKET_TIMEOUT": 0.25},
    }
