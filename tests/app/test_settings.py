"""Test that settings are safe by default, and that an invalid value is reported in one clear sentence."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from config import environment
from config.log import OneLineFormatter
from django.core.exceptions import ImproperlyConfigured

MANAGE = Path(__file__).parents[2] / "app" / "manage.py"
MARIADB = "mysql://shop:secret@localhost/shop"


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run manage.py with only ``variables`` in its environment."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(MANAGE), *arguments],
        env={"PATH": os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_deploy_check_passes_with_only_a_secret_key_set():
    done = manage("check", "--deploy", "--fail-level", "DEBUG", SECRET_KEY="kq3-" * 5 + "Xw9_" * 5 + "pZ7+" * 5)

    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


def test_no_migration_is_missing():
    done = manage("makemigrations", "--check", "--dry-run", SECRET_KEY="x" * 50, DATABASE_URL="sqlite://:memory:")

    assert (done.returncode, done.stdout) == (0, "No changes detected\n"), done.stderr


def test_a_missing_secret_key_is_reported_in_one_sentence():
    done = manage("check")

    assert done.returncode == 1
    assert done.stderr == (
        "pomar: No secret key is configured: set SECRET_KEY, or set SECRET_KEY_FILE to a file that contains it.\n"
    )


def test_the_secret_key_can_come_from_a_file(monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text("from a file\n")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("SECRET_KEY_FILE", str(file))

    assert environment.secret_key() == "from a file"


def test_the_database_and_cache_urls_can_come_from_files(monkeypatch, tmp_path):
    for name, url in {
        "DATABASE_URL": "postgres://shop:secret@db/shop",
        "CACHE_URL": "redis://shop:secret@cache",
    }.items():
        (tmp_path / name).write_text(f"{url}\n")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))

    database = environment.database(default_file=tmp_path / "unused")

    assert (database["HOST"], database["USER"], database["PASSWORD"]) == ("db", "shop", "secret")
    assert environment.cache()["LOCATION"] == "redis://shop:secret@cache"


@pytest.mark.parametrize("content", [None, "", "\n", b"\xff\xfe"], ids=["missing", "empty", "blank", "not text"])
def test_a_key_file_without_a_key_is_named_in_the_error(monkeypatch, tmp_path, content):
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("SECRET_KEY_FILE", str(file))

    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY_FILE is set to .*key, which"):
        environment.secret_key()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "postgres://",
        "postgres://host:port/name",
        "postgres://host/",
        MARIADB,
        "http://x/y",
        "://",
        "postgres://[::",
    ],
)
def test_an_invalid_database_url_is_reported_without_its_password(monkeypatch, tmp_path, url):
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL must look like [^\n]*$") as problem:
        environment.database(default_file=tmp_path / "x")

    assert "secret" not in str(problem.value)


@pytest.mark.parametrize("url", ["nonsense", "redis://", "redis://h:port", "memcached://h", "redis://[::", "://"])
def test_an_invalid_cache_url_is_reported_in_one_sentence(monkeypatch, url):
    monkeypatch.setenv("CACHE_URL", url)

    with pytest.raises(ImproperlyConfigured, match=r"^CACHE_URL must look like [^\n]*$"):
        environment.cache()


def test_databases_use_the_metrics_wrappers(monkeypatch, tmp_path):
    file = tmp_path / "data" / "shop.sqlite3"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    default = environment.database(default_file=file)
    monkeypatch.setenv("DATABASE_URL", "postgres://shop:p%40ss@db:5433/pomar")

    server = environment.database(default_file=tmp_path / "unused" / "x")

    assert (default["ENGINE"], default["NAME"]) == ("django_prometheus.db.backends.sqlite3", str(file))
    assert default["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert file.parent.is_dir()
    assert not (tmp_path / "unused").exists()
    assert server["ENGINE"] == "django_prometheus.db.backends.postgresql"
    assert [server[part] for part in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        *("pomar", "shop", "p@ss", "db", 5433),
    ]
    assert (server["CONN_MAX_AGE"], server["CONN_HEALTH_CHECKS"]) == (60, True)


def test_a_folder_that_cannot_be_created_is_named_in_the_error(monkeypatch, tmp_path):
    (tmp_path / "data").write_text("a file is in the way")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(ImproperlyConfigured, match=r"The database folder .*data cannot be created"):
        environment.database(default_file=tmp_path / "data" / "shop.sqlite3")


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("locmem://", "django_prometheus.cache.backends.locmem.LocMemCache"),
        ("redis://cache:6379/1", "django_prometheus.cache.backends.redis.RedisCache"),
    ],
)
def test_caches_use_the_metrics_wrappers(monkeypatch, url, backend):
    monkeypatch.setenv("CACHE_URL", url)

    assert environment.cache()["BACKEND"] == backend


@pytest.mark.parametrize("text", ["", "-1", "1.5", "year", "٣"])
def test_an_invalid_number_is_reported_with_its_setting(monkeypatch, text):
    monkeypatch.setenv("HSTS_SECONDS", text)

    with pytest.raises(ImproperlyConfigured, match=r"HSTS_SECONDS must be a whole number"):
        environment.whole_number("HSTS_SECONDS", default=1)


def test_hosts_are_comma_separated_and_at_least_one_is_required(monkeypatch):
    monkeypatch.setenv("SHOP_HOSTS", " shop.example , localhost,")
    named = environment.hosts("SHOP_HOSTS", default="localhost")
    monkeypatch.setenv("SHOP_HOSTS", " , ")

    with pytest.raises(ImproperlyConfigured, match=r"SHOP_HOSTS must name at least one host"):
        environment.hosts("SHOP_HOSTS", default="localhost")

    assert named == ["shop.example", "localhost"]


def test_a_log_record_is_one_line_despite_tracebacks_and_line_breaks():
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, "x", 1, "path /a\r\nFAKE", (), sys.exc_info())

    line = OneLineFormatter("%(message)s").format(record)

    assert len(line.splitlines()) == 1
    assert line.startswith("path /a\\nFAKE")
    assert "ValueError: first\\nsecond" in line


def test_the_default_database_path_may_have_special_characters(monkeypatch, tmp_path):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    file = tmp_path / "a #;?%+&= ü" / "shop.sqlite3"

    assert environment.database(default_file=file)["NAME"] == str(file)
