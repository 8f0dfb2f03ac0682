"""Certificates for the tests of listeners: any name, any dates, any key."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sealgate.listening.certificates import TlsFiles

DAY = dt.timedelta(days=1)


def make_files(
    folder: Path,
    host: str = "vault.localhost",
    *,
    names: tuple[str, ...] = (),
    begins_in: dt.timedelta = -DAY,
    ends_in: dt.timedelta = 90 * DAY,
    label: str = "server",
) -> TlsFiles:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins_in)
        .not_valid_after(now + ends_in)
        .add_extension(
            x509.SubjectAlternativeName([_name(each) for each in names or (host,)]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(folder / f"{label}.pem", folder / f"{label}-key.pem", host)
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
