"""Session keys: the host's signing half, and the public half that Sealgate stores.

Counterparts: `curves.py`, which knows the two algorithms; the console, where a developer registers the public
half and gets its key id. A signing key must never be printed, pickled or sent to Sealgate.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import msgspec
from cryptography.hazmat.primitives import serialization

from sealgate.ids import new_id
from sealgate.session.curves import (
    Algorithm,
    PrivateKey,
    PublicKey,
    SessionKeyError,
    algorithm_of,
    check_public,
    check_signature,
    generate,
    jose,
    private_from_jwk,
    private_to_jwk,
    public_from_jwk,
    public_from_raw,
    raw_public,
)

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey


@dataclass(frozen=True, slots=True)
class SessionPublicKey:
    """The public half that verifies an application's sessions.

    Ed25519: 32 bytes (RFC 8032 §5.1.2). ES256: 65 bytes, an uncompressed point of P-256 (SEC 1 §2.3.3).
    """

    kid: str
    algorithm: Algorithm
    public_key: bytes
    _handle: PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_public(self.algorithm, self.public_key)
        # Once: to make a handle anew costs a quarter of what a check does.
        object.__setattr__(self, "_handle", public_from_raw(self.algorithm, self.public_key))

    @classmethod
    def from_pem(cls, pem: bytes | str, kid: str) -> "SessionPublicKey":
        """The key in a SubjectPublicKeyInfo PEM (RFC 5280 §4.1.2.7); raises SessionKeyError."""
        raw = pem.encode() if isinstance(pem, str) else pem
        if b"PRIVATE KEY" in raw:
            raise SessionKeyError("this is the private half of the key", "Register the public half alone.")
        try:
            public = serialization.load_pem_public_key(raw)
        except (ValueError, TypeError) as error:
            raise SessionKeyError(
                "the PEM holds no usable public key", "Paste it whole, with its first and last line."
            ) from error
        algorithm = algorithm_of(public)
        return cls(kid, algorithm, raw_public(public))

    @classmethod
    def from_jwk(cls, jwk: bytes | str, kid: str | None = None) -> "SessionPublicKey":
        """The key in a public JWK's JSON (RFC 7517); raises SessionKeyError."""
        algorithm, raw, own_kid = public_from_jwk(jwk)
        return cls(_kid(kid or own_kid), algorithm, raw)

    def check(self, signature: bytes, signed: bytes) -> None:
        """Raise InvalidSignature unless this key's owner signed this (RFC 7518 §3.4, RFC 8037 §3.1)."""
        check_signature(self._handle, signature, signed)

    def to_pem(self) -> str:
        """The key as a SubjectPublicKeyInfo PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._handle.public_bytes(serialization.Encoding.PEM, form).decode()


class SigningKey:
    """The half that signs, held by the host's server; a handle whose printed form is its id."""

    __slots__ = ("_private", "kid")

    def __init__(self, kid: str, private: PrivateKey) -> None:
        self.kid = kid
        self._private = private

    @classmethod
    def generate(cls, kid: str | None = None, algorithm: Algorithm = "Ed25519") -> "SigningKey":
        """A fresh key; without `kid` it gets one of the form `key_…`."""
        return cls(kid or new_id("key"), generate(algorithm))

    @classmethod
    def from_pem(cls, pem: bytes | str, kid: str) -> "SigningKey":
        """The key in an unencrypted PKCS#8 PEM (RFC 5958); raises SessionKeyError."""
        raw = pem.encode() if isinstance(pem, str) else pem
        try:
            private = serialization.load_pem_private_key(raw, password=None)
        except (ValueError, TypeError) as error:
            raise SessionKeyError("the PEM holds no usable private key", "Use unencrypted PKCS#8.") from error
        algorithm_of(private.public_key())
        assert isinstance(private, PrivateKey)
        return cls(kid, private)

    @classmethod
    def from_jwk(cls, jwk: bytes | str, kid: str | None = None) -> "SigningKey":
        """The key in a private JWK's JSON, as the console's page hands it out; raises SessionKeyError."""
        private, own_kid = private_from_jwk(jwk)
        return cls(_kid(kid or own_kid), private)

    @property
    def algorithm(self) -> Algorithm:
        """What the key signs with, which is also the `alg` of its tokens."""
        return algorithm_of(self._private.public_key())

    @property
    def public(self) -> SessionPublicKey:
        """The half to register in the console."""
        return SessionPublicKey(self.kid, self.algorithm, raw_public(self._private.public_key()))

    def to_pem(self) -> str:
        """The private key as unencrypted PKCS#8: for the host's own secret store, and nowhere else."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def to_jwk(self) -> str:
        """The private key as a JWK's JSON, with its id: for the host's own secret store, and nowhere else."""
        return msgspec.json.encode(private_to_jwk(self._private, self.kid)).decode()

    def jose_key(self) -> "OKPKey | ECKey":
        """The key as joserfc wants it."""
        return jose(self._private)

    def __repr__(self) -> str:
        return f"<SigningKey {self.kid}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled; store to_pem() in a secret store")


def _kid(kid: str | None) -> str:
    if not kid:
        raise SessionKeyError("the JWK has no 'kid'", "Give the key id that the console shows.")
    return kid
