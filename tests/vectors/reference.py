"""A second implementation of the envelope, from docs/spec/envelope.md and RFC 9180, for the vectors alone.

It shares no line with src/sealgate/envelope and takes its ephemeral key as a parameter, so that vectors come
out the same every time. It must never seal a real key.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class X25519:
    """Suite 1's curve."""

    @staticmethod
    def public_of(private: bytes) -> bytes:
        """The public key of 32 raw private bytes."""
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    @staticmethod
    def dh(private: bytes, public: bytes) -> bytes:
        """RFC 7748 section 5."""
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )


class P256:
    """Suite 1p's curve; points uncompressed (SEC 1 section 2.3.3), the secret is the x coordinate."""

    @staticmethod
    def _private(private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1())

    @classmethod
    def public_of(cls, private: bytes) -> bytes:
        """The public key of a 32-byte scalar."""
        public = cls._private(private).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @classmethod
    def dh(cls, private: bytes, public: bytes) -> bytes:
        """RFC 9180 section 7.1."""
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        return cls._private(private).exchange(ec.ECDH(), point)


@dataclass(frozen=True, slots=True)
class Suite:
    """A row of the specification's table of suites."""

    number: int
    kem_id: bytes
    curve: type[X25519 | P256]
    enc_bytes: int

    @property
    def kem(self) -> bytes:
        """RFC 9180 section 4.1, suite_id of the KEM."""
        return b"KEM" + self.kem_id

    @property
    def hpke(self) -> bytes:
        """RFC 9180 section 5.1, suite_id of the whole."""
        return b"HPKE" + self.kem_id + b"\x00\x01\x00\x02"


SUITE_1 = Suite(1, b"\x00\x20", X25519, 32)
SUITE_1P = Suite(2, b"\x00\x10", P256, 65)


@dataclass(frozen=True, slots=True)
class Steps:
    """What an implementer compares on the way: RFC 9180's names."""

    suite: Suite
    enc: bytes
    shared_secret: bytes
    aead_key: bytes
    nonce: bytes


def info_of(
    suite: int,
    instance: str,
    organization: str,
    application: str,
    credential: str,
    version: int,
    provider: str,
    origin: str,
    key_id: bytes,
) -> bytes:
    """docs/spec/envelope.md, "What it is bound to"."""
    info = b"sealgate envelope v1" + b"\x00\x01" + bytes((suite,))
    for text in (instance, organization, application, credential):
        info += _sized(text.encode())
    info += b"\x00\x08" + version.to_bytes(8, "big")
    for text in (provider, origin):
        info += _sized(text.encode())
    return info + b"\x00\x10" + key_id


def steps(suite: Suite, ephemeral: bytes, recipient_public: bytes, info: bytes) -> Steps:
    """RFC 9180 sections 4.1 (Encap, with a given ephemeral key) and 5.1 (KeySchedule, base mode)."""
    enc = suite.curve.public_of(ephemeral)
    dh = suite.curve.dh(ephemeral, recipient_public)
    eae_prk = _extract(suite.kem, b"", b"eae_prk", dh)
    shared_secret = _expand(suite.kem, eae_prk, b"shared_secret", enc + recipient_public, 32)
    hpke = suite.hpke
    schedule = b"\x00" + _extract(hpke, b"", b"psk_id_hash", b"") + _extract(hpke, b"", b"info_hash", info)
    secret = _extract(hpke, shared_secret, b"secret", b"")
    key = _expand(hpke, secret, b"key", schedule, 32)
    return Steps(suite, enc, shared_secret, key, _expand(hpke, secret, b"base_nonce", schedule, 12))


def seal(at: Steps, key_id: bytes, plaintext: bytes, aad: bytes = b"", sequence: int = 0) -> bytes:
    """The envelope; `aad` and `sequence` are there to be wrong."""
    nonce = (int.from_bytes(at.nonce, "big") ^ sequence).to_bytes(12, "big")
    header = bytes((1, at.suite.number)) + key_id
    return header + at.enc + AESGCM(at.aead_key).encrypt(nonce, plaintext, aad)


def pad(key: bytes, length: int | None = None) -> bytes:
    """The plaintext: length, key, zeros to 512; `length` is there to be wrong."""
    stated = len(key) if length is None else length
    return (stated.to_bytes(2, "big") + key).ljust(512, b"\x00")


def fingerprint_of(keys: dict[int, bytes]) -> bytes:
    """docs/spec/envelope.md, "Fingerprints"."""
    told = b"".join(bytes((number,)) + _sized(keys[number]) for number in sorted(keys))
    return hashlib.sha256(b"sealgate sealing keys v1" + told).digest()[:16]


def words_of(fingerprint: bytes) -> str:
    """Proquints: five letters for each 16 bits, from the highest bit on."""
    words = []
    for at in range(0, 16, 2):
        bits = f"{int.from_bytes(fingerprint[at : at + 2], 'big'):016b}"
        pieces = (bits[:4], bits[4:6], bits[6:10], bits[10:12], bits[12:])
        letters = ("bdfghjklmnprstvz" if len(piece) == 4 else "aiou" for piece in pieces)
        words.append("".join(row[int(piece, 2)] for row, piece in zip(letters, pieces, strict=True)))
    return "-".join(words)


def _sized(field: bytes) -> bytes:
    return len(field).to_bytes(2, "big") + field


def _extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite_id + label + ikm, hashlib.sha256)


def _expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(prk, labeled + b"\x01", hashlib.sha256)[:length]


def challenge_of(*fields: bytes) -> bytes:
    """What a passkey signs to approve a deposit: SHA-256 over every field after its length as four bytes."""
    told = b"".join(
        len(field).to_bytes(4, "big") + field for field in (b"sealgate deposit approval v1", *fields)
    )
    return hashlib.sha256(told).digest()
