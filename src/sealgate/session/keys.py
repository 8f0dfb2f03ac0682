"""Session keys: the host's signing half, and the public half that Sealgate stores.

Counterpart: the console, where a developer registers the public half and gets its key id. A signing key must
never be printed, pickled or sent to Sealgate.
"""

import base64
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from sealgate.ids import new_id

ALGORITHM: Final = "Ed25519"
PUBLIC_KEY_BYTES: Final = 32

# Points of small order, sign bit cleared: for these anybody can make signatures that verify, and RFC 8032
# §5.1.7 leaves the check to us. An all-zero key, the commonest programming mistake, is the first of them.
_WEAK_PUBLIC_KEYS: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class SessionKeyError(ValueError):
    """A key that cannot be used for sessions; the message never quotes it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = "session_key_invalid"
        self.hint = hint


@dataclass(frozen=True, slots=True)
class SessionPublicKey:
    """The public half that verifies an application's sessions: raw 32 bytes (RFC 8032 §5.1.2)."""

    kid: str
    algorithm: Literal["Ed25519"]
    public_key: bytes

    def __post_init__(self) -> None:
        if self.algorithm != ALGORITHM:
            raise SessionKeyError("the key's algorithm is not Ed25519", "Make an Ed25519 key pair.")
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise SessionKeyError("an Ed25519 public key has 32 bytes", "Register the raw public key.")
        if self.public_key[:31] + bytes([self.public_key[31] & 0x7F]) in _WEAK_PUBLIC_KEYS:
            raise SessionKeyError("this public key verifies forged signatures", "Make a new key pair.")

    def jose_key(self) -> OKPKey:
        """The key as joserfc wants it."""
        return OKPKey.import_key({"kty": "OKP", "crv": ALGORITHM, "x": _b64url(self.public_key)})


class _PrivateJwk(msgspec.Struct, frozen=True):
    """The members of a private Ed25519 JWK that matter (RFC 8037 §2)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    d: str
    kid: str | None = None

    def __repr__(self) -> str:
        return f"<private JWK {self.kid}>"


class SigningKey:
    """The half that signs, held by the host's server; a handle whose printed form is its id."""

    __slots__ = ("_private", "kid")

    def __init__(self, kid: str, private: Ed25519PrivateKey) -> None:
        self.kid = kid
        self._private = private

    @classmethod
    def generate(cls, kid: str | None = None) -> "SigningKey":
        """A fresh key; without `kid` it gets one of the form `key_…`."""
        return cls(kid or new_id("key"), Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes | str, kid: str) -> "SigningKey":
        """The key in an unencrypted PKCS#8 PEM (RFC 5958); raises SessionKeyError."""
        raw = pem.encode() if isinstance(pem, str) else pem
        try:
            private = serialization.load_pem_private_key(raw, password=None)
        except (ValueError, TypeError) as error:
            raise SessionKeyError("the PEM holds no usable private key", "Use unencrypted PKCS#8.") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SessionKeyError("the PEM holds a key of another kind", "Make an Ed25519 key pair.")
        return cls(kid, private)

    @classmethod
    def from_jwk(cls, jwk: bytes | str, kid: str | None = None) -> "SigningKey":
        """The key in a private JWK's JSON, as the console's page hands it out; raises SessionKeyError."""
        try:
            parsed = msgspec.json.decode(jwk, type=_PrivateJwk)
            key = cls(kid or parsed.kid or "", Ed25519PrivateKey.from_private_bytes(_unb64url(parsed.d)))
        except (ValueError, msgspec.DecodeError) as error:
            raise SessionKeyError(
                "this is no private Ed25519 JWK", "Paste the whole JSON that was saved."
            ) from error
        if key.public.public_key != _unb64url(parsed.x):
            raise SessionKeyError(
                "the two halves of the JWK do not belong together", "Paste it again, unchanged."
            )
        if not key.kid:
            raise SessionKeyError("the JWK has no 'kid'", "Give the key id that the console shows.")
        return key

    @property
    def public(self) -> SessionPublicKey:
        """The half to register in the console."""
        raw = self._private.public_key().public_bytes_raw()
        return SessionPublicKey(self.kid, ALGORITHM, raw)

    def to_pem(self) -> str:
        """The private key as unencrypted PKCS#8: for the host's own secret store, and nowhere else."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def to_jwk(self) -> str:
        """The private key as a JWK's JSON, with its id: for the host's own secret store, and nowhere else."""
        private = self._private.private_bytes_raw()
        jwk = _PrivateJwk("OKP", "Ed25519", _b64url(self.public.public_key), _b64url(private), self.kid)
        return msgspec.json.encode(jwk).decode()

    def jose_key(self) -> OKPKey:
        """The key as joserfc wants it."""
        return OKPKey.import_key(self._private)

    def __repr__(self) -> str:
        return f"<SigningKey {self.kid}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled; store to_pem() in a secret store")


def _b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
