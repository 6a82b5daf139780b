"""Test what `prepare` creates before the other containers start: each secret once, readable by only one service."""

import hashlib
import json
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509

from lab.paths import ROOT
from lab.runtimes import settings
from lab.runtimes.compose import prepare
from lab.runtimes.compose.engine import Compose
from lab.runtimes.compose.runtime import ComposeRuntime


@pytest.fixture
def volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The volumes of the `prepare` container, all empty."""
    mounts = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["prepare"]["volumes"]
    for name in re.findall(r":/volumes/(\S+)$", "\n".join(mounts), re.MULTILINE):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(prepare, "VOLUMES", tmp_path)
    monkeypatch.setattr(prepare, "AUTHORITY", tmp_path / "authority")
    monkeypatch.setattr(prepare, "TEMPLATE", ROOT / "nginx" / "listen.conf.template")
    monkeypatch.setenv("SHOP_HOSTS", "localhost,shop.example")
    monkeypatch.setenv("SHOP_HTTPS_PORT", "9443")
    return tmp_path


def contents(volumes: Path) -> dict[str, str]:
    """Return the content of every file in the volumes."""
    return {str(path.relative_to(volumes)): path.read_text() for path in volumes.rglob("*") if path.is_file()}


def test_a_second_start_keeps_every_secret_and_certificate(volumes):
    prepare.main()
    first = contents(volumes)

    prepare.main()

    assert contents(volumes) == first
    assert len(first) > 15


def test_every_lab_has_its_own_secrets(volumes):
    prepare.main()
    first = contents(volumes)
    for path in (volumes / "authority").glob("*-*"):
        path.unlink()

    prepare.main()

    changed = {name for name, text in contents(volumes).items() if first[name] != text}
    assert {name.partition("/")[0] for name in changed} == {
        *(folder.name for folder in volumes.glob("*-secrets")),
        "authority",
        "nginx-made",
    }


def test_files_that_only_prepare_may_read_are_private(volumes):
    prepare.main()

    for path in (volumes / "authority").rglob("*"):
        if path.is_file() and path.suffix != ".crt":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_the_shop_and_its_database_have_the_same_passwords(volumes):
    prepare.main()

    for role, folder in (("shop", "app-secrets"), ("owner", "migrate-secrets")):
        url = urlsplit((volumes / folder / "database-url").read_text())
        assert (url.username, url.hostname, url.port, url.path) == (role, "postgres", 5432, "/shop")
        assert url.password == (volumes / "postgres-secrets" / f"{role}-password").read_text()
    exporter = (volumes / "postgres-exporter-secrets" / "password").read_text()
    assert exporter == (volumes / "postgres-secrets" / "exporter-password").read_text()


def test_the_cache_stores_only_digests_of_its_passwords(volumes):
    prepare.main()

    users = (volumes / "valkey-secrets" / "users.acl").read_text()
    shop = urlsplit((volumes / "app-secrets" / "cache-url").read_text())
    exporter = json.loads((volumes / "redis-exporter-secrets" / "passwords.json").read_text())
    for name, password in ((shop.username, shop.password), ("exporter", exporter["redis://exporter@valkey:6379"])):
        assert f"user {name} on #{hashlib.sha256(password.encode()).hexdigest()} " in users
        assert password not in users


def test_workers_do_not_know_the_passwords_of_the_owner_and_the_admin(volumes):
    prepare.main()

    secrets = {(volumes / "postgres-secrets" / f"{role}-password").read_text() for role in ("admin", "owner")}
    seen = "".join(text for name, text in contents(volumes).items() if name.startswith("app-secrets/"))
    assert not any(secret in seen for secret in secrets)


def test_the_next_start_replaces_a_drills_short_lived_certificate(volumes):
    def days() -> int:
        certificate = x509.load_pem_x509_certificate((volumes / "nginx-made" / "shop.crt").read_bytes())
        return (certificate.not_valid_after_utc - datetime.now(UTC)).days

    prepare.main()
    first = contents(volumes)

    prepare.main(7)

    assert days() == 6
    changed = {name for name, text in contents(volumes).items() if first[name] != text}
    assert {Path(name).name for name in changed} == {"shop.crt", "shop.key"}

    prepare.main()

    assert days() == 89


def test_a_drill_runs_the_same_program_as_a_start(monkeypatch):
    commands = []
    monkeypatch.setattr(Compose, "must", lambda self, *arguments: commands.append(list(arguments)))
    monkeypatch.setattr(ComposeRuntime, "reload", lambda *_: None)
    runtime = ComposeRuntime(settings.load({"IMAGES": "official"}))

    runtime.certify(timedelta(days=7))

    started = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["prepare"]["command"]
    (command,) = commands
    assert command[command.index("prepare") + 1 :] == [*started, "7"]


def test_nginx_uses_container_ports_and_redirects_to_the_published_port(volumes):
    prepare.main()

    text = (volumes / "nginx-made" / "listen.conf").read_text()
    assert "listen 0.0.0.0:8443 ssl; http2 on; include http2.conf;" in text
    assert "listen 127.0.0.1:8081;" in text
    assert 'default ":9443";' in text
    assert 'shop ":8443";' in text
    assert "server_name localhost shop.example 127.0.0.1 shop;" in text


def test_an_invalid_host_fails_the_start_before_anything_is_written(volumes, monkeypatch):
    monkeypatch.setenv("SHOP_HOSTS", "localhost,a..b")

    with pytest.raises(SystemExit, match=r"SHOP_HOSTS is 'localhost,a\.\.b', but must be"):
        prepare.main()

    assert contents(volumes) == {}


def test_an_engine_that_cannot_see_the_checkout_is_reported(volumes, monkeypatch, tmp_path):
    """If a mount source does not exist on the engine's machine, the engine creates an empty folder there."""
    monkeypatch.setattr(prepare, "TEMPLATE", tmp_path)

    with pytest.raises(SystemExit, match="the Docker engine does not see this checkout's files: "):
        prepare.main()
    assert contents(volumes) == {}
