"""A software authenticator, written from WebAuthn Level 3: makes passkeys, signs, and lies on request.

It shares no code with what verifies: CBOR is written out by hand here.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sealgate.vault import base64url
from tests.vault.deployment import HOST

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
EDDSA, ES256, RS256 = -8, -7, -257
ALGORITHMS = {"EdDSA": EDDSA, "ES256": ES256, "RS256": RS256}

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def head(kind: int, value: int) -> bytes:
    """A CBOR head (RFC 8949 section 3)."""
    if value < 24:
        return bytes((kind << 5 | value,))
    if value < 256:
        return bytes((kind << 5 | 24, value))
    return bytes((kind << 5 | 25,)) + struct.pack(">H", value)


def cbor(value: Any) -> bytes:
    """The few kinds of CBOR that WebAuthn needs."""
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())


def cose(private: Private) -> dict[int, Any]:
    """The public half as a COSE key (RFC 9053)."""
    public = private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes_raw()}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    numbers = public.public_numbers()
    n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    return {1: 3, 3: RS256, -1: n, -2: numbers.e.to_bytes(3, "big")}


def made_private(algorithm: int) -> Private:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Lies:
    """What an answer says otherwise than it should."""

    kind: str | None = None
    challenge: bytes | None = None
    origin: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    rp_id: str | None = None
    flags: int | None = None
    counter: int | None = None
    key: dict[int, Any] | None = None
    passkey: bytes | None = None
    tail: bytes = b""


class Passkey:
    """One passkey."""

    def __init__(
        self, algorithm: int = ES256, *, counts: bool = True, origin: str = f"http://{HOST}"
    ) -> None:
        self.private = made_private(algorithm)
        self.id = secrets.token_bytes(32)
        self.counter = 0
        self._counts = counts
        self._rp_id = HOST
        self._origin = origin

    def enrolment(self, challenge: bytes, lies: Lies | None = None) -> dict[str, Any]:
        """`navigator.credentials.create`, as the page posts it."""
        lies = lies or Lies()
        public = lies.key or cose(self.private)
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor(public)
        data = self._data(lies, UP | UV | AT) + attested + lies.tail
        attestation = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return {
            "id": base64url.encode(lies.passkey or self.id),
            "client_data": base64url.encode(self._client_data("webauthn.create", challenge, lies)),
            "attestation_object": base64url.encode(attestation),
        }

    def assertion(self, challenge: bytes, lies: Lies | None = None) -> dict[str, str]:
        """`navigator.credentials.get`, as the page posts it."""
        lies = lies or Lies()
        if self._counts:
            self.counter += 1
        data = self._data(lies, UP | UV) + lies.tail
        client_data = self._client_data("webauthn.get", challenge, lies)
        signed = data + hashlib.sha256(client_data).digest()
        return {
            "id": base64url.encode(lies.passkey or self.id),
            "client_data": base64url.encode(client_data),
            "authenticator_data": base64url.encode(data),
            "signature": base64url.encode(self._sign(signed)),
        }

    def _data(self, lies: Lies, flags: int) -> bytes:
        party = hashlib.sha256((lies.rp_id or self._rp_id).encode()).digest()
        flags = flags if lies.flags is None else lies.flags
        counter = self.counter if lies.counter is None else lies.counter
        return party + struct.pack(">BI", flags, counter)

    def _client_data(self, kind: str, challenge: bytes, lies: Lies) -> bytes:
        said = {
            "type": lies.kind or kind,
            "challenge": base64url.encode(lies.challenge or challenge),
            "origin": lies.origin or self._origin,
            "crossOrigin": False,
        }
        return json.dumps(said | lies.more).encode()

    def _sign(self, signed: bytes) -> bytes:
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(signed)
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(signed, ec.ECDSA(SHA256()))
        return self.private.sign(signed, padding.PKCS1v15(), SHA256())
