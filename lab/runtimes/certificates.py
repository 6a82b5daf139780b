"""The lab's certificate authority (CA), and the shop's certificate, which the CA signs."""

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
#: Certificates are backdated, so that a client whose clock is slightly slow accepts a new one.
BACKDATED = timedelta(hours=1)
ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """The paths of the files, and one sentence for each change that :func:`ensure` made."""

    ca: Path
    ca_key: Path
    shop: Path
    shop_key: Path
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class _Unusable(Exception):
    """The reason why a certificate on disk can no longer be used."""


def ensure(directory: Path, hosts: list[str], now: datetime | None = None) -> Certificates:
    """Make sure that ``directory`` has a valid CA and a valid certificate for ``hosts``, signed by that CA.

    Valid files are kept. The shop's certificate is renewed if fewer than 30 of its 90 days remain, if the hosts have
    changed, or if a file is missing, broken or does not match the others. The CA is renewed if fewer than 365 days of
    its 10 years remain, or if it is missing or broken. Raises OSError if the directory is not writable, and ValueError
    for a host that is neither a host name nor an IP address.
    """
    now = now or datetime.now(UTC)
    names = _names(hosts)
    directory.mkdir(parents=True, exist_ok=True)
    paths = Certificates(*(directory / name for name in ("ca.crt", "ca.key", "shop.crt", "shop.key")))
    done = []
    try:
        ca = _load(paths.ca, paths.ca_key)
        _check_ca(ca, now)
    except _Unusable as reason:
        ca = _new_ca(now)
        _write(paths.ca, paths.ca_key, ca)
        done.append(f"Created a new certificate authority, because {reason}. Trust {paths.ca} in your browser.")
    try:
        _check_shop(_load(paths.shop, paths.shop_key), ca, names, now)
    except _Unusable as reason:
        _write(paths.shop, paths.shop_key, _new_shop(ca, names, now))
        done.append(f"Issued a new certificate for the shop, because {reason}.")
    return Certificates(paths.ca, paths.ca_key, paths.shop, paths.shop_key, tuple(done))


def issue(directory: Path, hosts: list[str], lifetime: timedelta, now: datetime | None = None) -> Certificates:
    """Issue a new certificate for the shop from the existing CA. It expires after ``lifetime``.

    If it has less than 30 days left, the next :func:`ensure` replaces it. Raises the same errors as that function.
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
        raise _Unusable(f"{Path(error.filename).name} does not exist") from error
    except (ValueError, TypeError) as error:
        raise _Unusable(f"{certificate.name} or {key.name} is broken") from error
    if pair.certificate.public_key() != pair.key.public_key():
        raise _Unusable(f"{key.name} is not the key of {certificate.name}")
    return pair


def _check_time(certificate: x509.Certificate, before: timedelta, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise _Unusable("the old one is not valid yet")
    left = certificate.not_valid_after_utc - now
    if left < before:
        expiry = "has expired" if left < timedelta(0) else f"expires in {left.days} days"
        raise _Unusable(f"the old one {expiry}")


def _check_ca(ca: _Pair, now: datetime) -> None:
    _check_time(ca.certificate, CA_RENEWED_BEFORE, now)
    _check_signature(ca.certificate, ca)


def _check_shop(shop: _Pair, ca: _Pair, names: list[x509.GeneralName], now: datetime) -> None:
    _check_time(shop.certificate, SHOP_RENEWED_BEFORE, now)
    _check_signature(shop.certificate, ca)
    try:
        extension = shop.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise _Unusable("the old one has no host names") from error
    if set(extension.value) != set(names):
        raise _Unusable("the hosts have changed")


def _check_signature(certificate: x509.Certificate, ca: _Pair) -> None:
    try:
        certificate.verify_directly_issued_by(ca.certificate)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise _Unusable("the old one was issued by another authority") from error


def _new_ca(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # Part of the serial number is in the name, so that the lab's CAs have different names in a browser's list, and no
    # certificate is matched to the wrong CA.
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
    """Write both files, the key first: a crash in between leaves a mismatch, which the next call repairs."""
    encoded_key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(key, encoded_key, 0o600)
    write_file(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
