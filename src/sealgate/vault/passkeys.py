"""WebAuthn as a relying party: what a browser must bring for a passkey to be enrolled, or to approve.

Counterparts: `administrators`, which keeps the passkeys; web/shared, which asks the browser. Pure. CBOR, COSE
and signatures are python-fido2's; each rule of WebAuthn Level 3 (sections 7.1, 7.2) stands here with a code
of its own, for the log alone: outside, every refusal looks alike.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from msgspec import Struct

from sealgate.envelope import Fingerprint
from sealgate.vault import base64url
from sealgate.vault.relying_party import RelyingParty

if TYPE_CHECKING:
    from fido2.webauthn import AttestedCredentialData, AuthenticatorData

ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256, RS256 (RFC 9053, RFC 8812), the preferred one first."""
PASSKEY_LIMIT_BYTES = 1023
"""WebAuthn section 4: a credential id is at most so long."""
_RSA_BYTES = range(256, 513)
_COSE_N = -1
_FINGERPRINT_BYTES = 16
_FOREIGN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    struct.error,
)
"""What python-fido2 and `cryptography` raise for bytes that are not what they should be."""


class PasskeyRefusedError(Exception):
    """It does not count. `code` is for the log alone."""

    def __init__(self, code: str) -> None:
        super().__init__("the passkey does not count")
        self.code = code


class Assertion(Struct, frozen=True):
    """What `navigator.credentials.get` gave."""

    passkey: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


class Registered(Struct, frozen=True):
    """A new passkey: its id, its COSE key as CBOR, and where its counter stands."""

    passkey: bytes
    public_key: bytes
    counter: int


class _ClientData(Struct, frozen=True, rename="camel"):
    type: str
    challenge: str
    origin: str
    cross_origin: bool = False
    top_origin: str | None = None


def fingerprint(passkey: bytes, public_key: bytes) -> Fingerprint:
    """What people compare to know which passkey was enrolled."""
    digest = hashlib.sha256(b"sealgate passkey v1" + hashlib.sha256(passkey).digest() + public_key)
    return Fingerprint(digest.digest()[:_FINGERPRINT_BYTES])


def short_name(passkey: bytes) -> str:
    """A passkey's name in lists, commands and the log: 64 bits of its id's hash."""
    return hashlib.sha256(passkey).hexdigest()[:16]


def register(
    party: RelyingParty, challenge: bytes, passkey: bytes, client_data: bytes, attestation: bytes
) -> Registered:
    """The passkey that a browser made for this challenge; raises `PasskeyRefusedError` (section 7.1)."""
    from fido2 import cbor
    from fido2.webauthn import AttestationObject

    _check_client_data(party, challenge, client_data, "webauthn.create")
    with _foreign("attestation_malformed"):
        found = AttestationObject(attestation).auth_data
        made = found.credential_data
    _check_authenticator(party, found)
    if made is None or not 0 < len(passkey) <= PASSKEY_LIMIT_BYTES or made.credential_id != passkey:
        raise PasskeyRefusedError("id_differs")
    _check_key(made)
    return Registered(passkey, cbor.encode(made.public_key), found.counter)


def verify(
    party: RelyingParty, challenge: bytes, assertion: Assertion, public_key: bytes, counter: int
) -> int:
    """The counter's new value; raises `PasskeyRefusedError` unless this passkey signed this (section 7.2)."""
    from fido2 import cbor
    from fido2.cose import CoseKey
    from fido2.webauthn import AuthenticatorData

    _check_client_data(party, challenge, assertion.client_data, "webauthn.get")
    with _foreign("authenticator_data_malformed"):
        found = AuthenticatorData(assertion.authenticator_data)
    _check_authenticator(party, found)
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    with _foreign("signature_malformed"):
        try:
            CoseKey.parse(cbor.decode_from(public_key)[0]).verify(signed, assertion.signature)
        except InvalidSignature:
            raise PasskeyRefusedError("signature_wrong") from None
    if (found.counter or counter) and found.counter <= counter:
        # Two devices answer for one passkey, or an old answer came again.
        raise PasskeyRefusedError("counter_behind")
    return int(found.counter)


def _check_client_data(party: RelyingParty, challenge: bytes, raw: bytes, kind: str) -> None:
    try:
        data = msgspec.json.decode(raw, type=_ClientData)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise PasskeyRefusedError("client_data_malformed") from None
    if data.type != kind:
        raise PasskeyRefusedError("type_wrong")
    if not hmac.compare_digest(
        data.challenge.encode("utf-8", "replace"), base64url.encode(challenge).encode()
    ):
        raise PasskeyRefusedError("challenge_wrong")
    if data.origin != party.origin or data.cross_origin or data.top_origin is not None:
        raise PasskeyRefusedError("origin_wrong")


def _check_authenticator(party: RelyingParty, found: AuthenticatorData) -> None:
    if found.rp_id_hash != hashlib.sha256(party.id.encode()).digest():
        raise PasskeyRefusedError("party_wrong")
    if not found.is_user_present():
        raise PasskeyRefusedError("user_absent")
    if not found.is_user_verified():
        raise PasskeyRefusedError("user_not_verified")
    if found.is_backed_up() and not found.is_backup_eligible():
        raise PasskeyRefusedError("backup_flags_wrong")


def _check_key(made: AttestedCredentialData) -> None:
    """Refuse a key of another algorithm, and one that could never verify anything."""
    key = made.public_key
    if key.ALGORITHM not in ALGORITHMS:
        raise PasskeyRefusedError("algorithm_unknown")
    with _foreign("key_malformed"):
        if ALGORITHMS[-1] == key.ALGORITHM and len(bytes(key[_COSE_N])) not in _RSA_BYTES:
            raise PasskeyRefusedError("key_weak")
        with suppress(InvalidSignature):  # anything else means that it is no key
            key.verify(b"", b"")


@contextmanager
def _foreign(code: str) -> Iterator[None]:
    try:
        yield
    except _FOREIGN:
        raise PasskeyRefusedError(code) from None
