"""The lab's own certificate authority, and the shop's certificate signed by it."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.paths import write_file

CA_LIFETIME = timedelta(days=3650)
CA_RENEWED_BEFORE = timedelta(days=365)
SHOP_LIFETIME = timedelta(days=90)
SHOP_RENEWED_BEFORE = timedelta(days=30)
#: So that a clock which is a little late does not refuse a new certificate.
BACKDATED = timedelta(hours=1)
ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """Where the files are, and what :func:`ensure` did: one sentence a change, none when all was kept."""

    ca: Path
    ca_key: Path
    shop: Path
    shop_key: Path
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class _Unfit(Exception):
    """Why a certificate on disk cannot be used any longer."""


def ensure(directory: Path, hosts: list[str], now: datetime | None = None) -> Certificates:
    """Make sure that ``directory`` holds a CA and a certificate of it for ``hosts``, both good for a while yet.

    What is good is kept. The shop's certificate is made anew when fewer than 30 days of its 90 remain, when the hosts
    changed, or when a file is missing, broken or does not belong to the others; the CA when fewer than 365 days of its
    10 years remain, or it is broken. Raises OSError when the directory cannot be written, ValueError for a host that
    is no name and no address.
    """
    now = now or datetime.now(UTC)
    names = _names(hosts)
    directory.mkdir(parents=True, exist_ok=True)
    paths = Certificates(*(directory / name for name in ("ca.crt", "ca.key", "shop.crt", "shop.key")))
    done = []
    try:
        ca = _load(paths.ca, paths.ca_key)
        _check_ca(ca, now)
    except _Unfit as reason:
        ca = _new_ca(now)
        _write(paths.ca, paths.ca_key, ca)
        done.append(f"New certificate authority, because {reason}: trust {paths.ca} to trust the shop.")
    try:
        _check_shop(_load(paths.shop, paths.shop_key), ca, names, now)
    except _Unfit as reason:
        _write(paths.shop, paths.shop_key, _new_shop(ca, names, now))
        done.append(f"New certificate for the shop, because {reason}.")
    return Certificates(paths.ca, paths.ca_key, paths.shop, paths.shop_key, tuple(done))


def issue(directory: Path, hosts: list[str], lifetime: timedelta, now: datetime | None = None) -> Certificates:
    """Make the shop's certificate anew, of the authority that there is, to end after ``lifetime``.

    One that lives for less than 30 days is made anew by the next :func:`ensure`. Raises as that does.
    """
    now = now or datetime.now(UTC)
    paths = ensure(directory, hosts, now)
    ca = _load(paths.ca, paths.ca_key)
    _write(paths.shop, paths.shop_key, _new_shop(ca, _names(hosts), now, lifetime))
    return paths


def _names(hosts: list[str]) -> list[x509.GeneralName]:
    names = []
    for host in dict.fromkeys([*hosts, *ALWAYS]):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _load(certificate: Path, key: Path) -> _Pair:
    try:
        pair = _Pair(
            x509.load_pem_x509_certificate(certificate.read_bytes()),
            serialization.load_pem_private_key(key.read_bytes(), password=None),
        )
    except FileNotFoundError as error:
        raise _Unfit(f"there is no {Path(error.filename).name}") from error
    except (ValueError, TypeError) as error:
        raise _Unfit(f"{certificate.name} or {key.name} is broken") from error
    if pair.certificate.public_key() != pair.key.public_key():
        raise _Unfit(f"{key.name} is not the key of {certificate.name}")
    return pair


def _check_time(certificate: x509.Certificate, before: timedelta, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise _Unfit("the old one is not valid yet")
    left = certificate.not_valid_after_utc - now
    if left < before:
        raise _Unfit("the old one has ended" if left < timedelta(0) else f"the old one ends in {left.days} days")


def _check_ca(ca: _Pair, now: datetime) -> None:
    _check_time(ca.certificate, CA_RENEWED_BEFORE, now)
    _check_signature(ca.certificate, ca)


def _check_shop(shop: _Pair, ca: _Pair, names: list[x509.GeneralName], now: datetime) -> None:
    _check_time(shop.certificate, SHOP_RENEWED_BEFORE, now)
    _check_signature(shop.certificate, ca)
    try:
        extension = shop.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise _Unfit("the old one names no host") from error
    if set(extension.value) != set(names):
        raise _Unfit("the hosts changed")


def _check_signature(certificate: x509.Certificate, ca: _Pair) -> None:
    try:
        certificate.verify_directly_issued_by(ca.certificate)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise _Unfit("the old one is not of this authority") from error


def _new_ca(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps two authorities apart in a browser's list, and a chain from meeting the wrong one.
    serial = x509.random_serial_number()
    name = _subject(f"Pomar lab CA {serial % 0x10000:04x}")
    certificate = (
        _builder(name, name, key, serial, now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _new_shop(ca: _Pair, names: list[x509.GeneralName], now: datetime, lifetime: timedelta = SHOP_LIFETIME) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    certificate = (
        _builder(_subject("Pomar"), ca.certificate.subject, key, x509.random_serial_number(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    serial: int,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(certificate: Path, key: Path, pair: _Pair) -> None:
    """Write both files; the key first, so that a crash between them leaves a mismatch, which the next call mends."""
    encoded_key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(key, encoded_key, 0o600)
    write_file(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
