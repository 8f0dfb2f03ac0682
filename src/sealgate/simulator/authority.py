"""The simulator's certificate authority: made at start, so that callers verify TLS exactly as in production.

Its counterpart is the caller's list of trusted authorities (`egress.ca_file`). The authority's own private
key is forgotten as soon as it has signed one server certificate: whoever trusts it cannot be lied to by it
later.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

SERVER_NAMES: Final = ("simulator.localhost", "localhost")
_SERVER_ADDRESS: Final = ipaddress.IPv4Address("127.0.0.1")
_LIFETIME: Final = dt.timedelta(days=90)
# Reused only while at least this much of its life is left: a long-running demo must not expire under way.
_REUSE_MARGIN: Final = dt.timedelta(days=2)
_SIGN_CERTIFICATES: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_SIGN_HANDSHAKES: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class CertificateFiles(Struct, frozen=True):
    """Where the certificates lie: the authority (to be trusted), the server's certificate and its key."""

    authority: Path
    server: Path
    server_key: Path


def ensure_certificates(directory: Path, now: dt.datetime | None = None) -> CertificateFiles:
    """Give the directory's certificates, made anew when missing, unreadable, mismatched or near their end."""
    files = CertificateFiles(
        authority=directory / "authority.pem",
        server=directory / "server.pem",
        server_key=directory / "server-key.pem",
    )
    moment = now or dt.datetime.now(dt.UTC)
    if not _reusable(files, moment):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files, moment)
    return files


def _reusable(files: CertificateFiles, now: dt.datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
        server = x509.load_pem_x509_certificate(files.server.read_bytes())
        key = serialization.load_pem_private_key(files.server_key.read_bytes(), password=None)
        server.verify_directly_issued_by(authority)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    ends = min(authority.not_valid_after_utc, server.not_valid_after_utc)
    private = files.server_key.stat().st_mode & 0o077 == 0
    return private and key.public_key() == server.public_key() and ends - now > _REUSE_MARGIN


def _make(files: CertificateFiles, now: dt.datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    # The name is new each time: a client that trusts an older authority must not pick it by its name.
    issuer = _name(f"Sealgate simulator authority {secrets.token_hex(4)}")
    authority = _authority_certificate(authority_key, issuer, now)
    server = _server_certificate(server_key.public_key(), authority, authority_key, now)
    _write(files.server_key, _private_pem(server_key), 0o600)
    _write(files.server, server.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(files.authority, authority.public_bytes(serialization.Encoding.PEM), 0o644)


def _authority_certificate(
    key: ec.EllipticCurvePrivateKey, issuer: x509.Name, now: dt.datetime
) -> x509.Certificate:
    # The name constraints bound what trusting this authority can cost: loopback names and addresses only.
    constraints = x509.NameConstraints(
        permitted_subtrees=[
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.IPv4Network("127.0.0.0/8")),
        ],
        excluded_subtrees=None,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(issuer, issuer, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGN_CERTIFICATES, critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _server_certificate(
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVER_NAMES]
    names.append(x509.IPAddress(_SERVER_ADDRESS))
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name(SERVER_NAMES[0]), authority.subject, public_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGN_HANDSHAKES, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # Five minutes earlier: a caller whose clock is a little behind still accepts it.
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write beside and rename: a crash leaves a whole file, and its mode is right from the first byte."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    beside.replace(path)
