"""Test that the lab's CA and the shop's certificate are kept while they are valid, and renewed otherwise."""

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.runtimes import certificates

HOSTS = ["shop.example", "127.0.0.1"]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FILES = ("ca.crt", "ca.key", "shop.crt", "shop.key")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def changed(before: dict[str, bytes], folder: Path) -> set[str]:
    after = content(folder)
    assert set(after) == set(FILES)
    return {name for name in FILES if before.get(name) != after[name]}


@pytest.fixture
def made(tmp_path):
    """A folder with certificates created at the time ``NOW``."""
    certificates.ensure(tmp_path, HOSTS, NOW)
    return tmp_path


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_first_start_creates_the_folder_and_all_files(tmp_path):
    folder = tmp_path / "state" / "tls"
    made = certificates.ensure(folder, HOSTS, NOW)

    assert set(content(folder)) == set(FILES)
    assert (made.ca, made.ca_key, made.shop, made.shop_key) == tuple(folder / name for name in FILES)
    assert [sentence.split(",")[0] for sentence in made.done] == [
        "Created a new certificate authority",
        "Issued a new certificate for the shop",
    ]


def test_private_keys_are_readable_only_by_their_owner(made):
    modes = {name: (made / name).stat().st_mode & 0o777 for name in FILES}

    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "shop.crt": 0o644, "shop.key": 0o600}


@pytest.mark.parametrize("days", [0, 1, 59])
def test_valid_certificates_are_kept(made, days):
    before = content(made)
    again = certificates.ensure(made, HOSTS, NOW + timedelta(days=days))

    assert (changed(before, made), again.done) == (set(), ())


def test_order_and_duplicates_of_the_hosts_do_not_matter(made):
    before = content(made)
    certificates.ensure(made, ["localhost", *reversed(HOSTS), *HOSTS], NOW)

    assert changed(before, made) == set()


def test_the_authority_may_only_sign_certificates(made):
    authority = load(made / "ca.crt")
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (True, True, False)
    assert authority.not_valid_after_utc == NOW + timedelta(days=3650)


def test_the_shops_certificate_is_for_its_hosts_and_for_servers_only(made):
    shop = load(made / "shop.crt")
    names = shop.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    purpose = shop.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert set(names.get_values_for_type(x509.DNSName)) == {"shop.example", "localhost"}
    assert set(map(str, names.get_values_for_type(x509.IPAddress))) == {"127.0.0.1", "::1"}
    assert list(purpose) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert shop.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert shop.not_valid_after_utc == NOW + timedelta(days=90)
    assert shop.not_valid_before_utc <= NOW


@pytest.mark.parametrize(
    ("days", "why"), [(61, "the old one expires in 29 days"), (90.5, "the old one has expired"), (400, "has expired")]
)
def test_an_expiring_or_expired_shop_certificate_is_renewed(made, days, why):
    before = content(made)
    (sentence,) = certificates.ensure(made, HOSTS, NOW + timedelta(days=days)).done

    assert changed(before, made) == {"shop.crt", "shop.key"}
    assert why in sentence
    assert load(made / "shop.crt").not_valid_after_utc == NOW + timedelta(days=days + 90)


def test_a_drills_short_lived_certificate_is_renewed_by_the_next_start(made):
    before = content(made)

    certificates.issue(made, HOSTS, timedelta(days=7), NOW)

    assert changed(before, made) == {"shop.crt", "shop.key"}
    assert load(made / "shop.crt").not_valid_after_utc == NOW + timedelta(days=7)

    (sentence,) = certificates.ensure(made, HOSTS, NOW).done

    assert "the old one expires in 7 days" in sentence
    assert load(made / "shop.crt").not_valid_after_utc == NOW + timedelta(days=90)


@pytest.mark.parametrize("hosts", [[*HOSTS, "new.example"], ["127.0.0.1"], ["shop.example", "10.0.0.1"]])
def test_changed_hosts_get_a_new_certificate_from_the_same_authority(made, hosts):
    before = content(made)
    (sentence,) = certificates.ensure(made, hosts, NOW).done

    assert changed(before, made) == {"shop.crt", "shop.key"}
    assert sentence == "Issued a new certificate for the shop, because the hosts have changed."


@pytest.mark.parametrize("days", [3650 - 364, 3651, -1])
def test_renewing_the_authority_also_renews_the_shops_certificate(made, days):
    before = content(made)
    done = certificates.ensure(made, HOSTS, NOW + timedelta(days=days)).done

    assert changed(before, made) == set(FILES)
    assert len(done) == 2
    assert str(made / "ca.crt") in done[0]


@pytest.mark.parametrize("damage", ["removed", "emptied", "garbage", "another's"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_recreated_with_everything_that_depends_on_it(made, tmp_path_factory, name, damage):
    before = content(made)
    other = tmp_path_factory.mktemp("other")
    certificates.ensure(other, HOSTS, NOW)
    (made / name).unlink()
    if damage != "removed":
        (made / name).write_bytes({"emptied": b"", "garbage": b"\xff garbage"}.get(damage, content(other)[name]))

    done = certificates.ensure(made, HOSTS, NOW).done

    assert changed(before, made) == (set(FILES) if name.startswith("ca.") else {"shop.crt", "shop.key"})
    assert len(done) == (2 if name.startswith("ca.") else 1)
    assert certificates.ensure(made, HOSTS, NOW).done == ()


def test_a_certificate_from_another_authority_is_replaced(made, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    certificates.ensure(other, HOSTS, NOW)
    for name in ("shop.crt", "shop.key"):
        (made / name).write_bytes((other / name).read_bytes())

    assert certificates.ensure(made, HOSTS, NOW).done == (
        "Issued a new certificate for the shop, because the old one was issued by another authority.",
    )


def test_a_key_of_another_type_is_replaced(made):
    key = ed25519.Ed25519PrivateKey.generate()
    (made / "shop.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    assert certificates.ensure(made, HOSTS, NOW).done == (
        "Issued a new certificate for the shop, because shop.key is not the key of shop.crt.",
    )


def test_a_failed_write_leaves_the_old_files(made, monkeypatch):
    before = content(made)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        certificates.ensure(made, ["other.example"], NOW)

    assert content(made) == before


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "shop.example"])
def test_a_client_that_trusts_the_authority_accepts_every_host(tmp_path, host):
    made = certificates.ensure(tmp_path, HOSTS)

    assert handshake(made, host) == "TLSv1.3"


def test_a_client_rejects_a_host_that_is_not_in_the_certificate(tmp_path):
    made = certificates.ensure(tmp_path, HOSTS)

    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
        handshake(made, "other.example")


def handshake(made: certificates.Certificates, host: str) -> str:
    """Do a TLS handshake over a socket pair, and return the TLS version. The client is as strict as Python 3.13."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(made.shop, made.shop_key)
    client_context = ssl.create_default_context(cafile=made.ca)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT

    def serve(side: socket.socket) -> None:
        with side:
            try:
                server_context.wrap_socket(side, server_side=True).close()
            except OSError:
                return

    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    server = threading.Thread(target=serve, args=(theirs,))
    server.start()
    try:
        with ours, client_context.wrap_socket(ours, server_hostname=host) as connection:
            return connection.version()
    finally:
        server.join(5)
