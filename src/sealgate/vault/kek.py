"""The key-encryption key: what every provider of one must do, and how data keys are bound to their place.

Counterparts: one small file per provider (`kek_file`, `kek_pkcs11`, `kek_aws`, `kek_transit`), `kek_ring`,
which holds every live version, and `datakey`, which asks. A KEK never leaves its provider; there is no
unencrypted mode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from sealgate.vault.faults import StorageError


class KekError(Exception):
    """The KEK cannot unwrap this: another KEK, other context, or altered bytes. All three look alike."""


class KekUnavailableError(StorageError):
    """The KEK's provider does not answer, or refuses us, now. What it wrapped is as good as ever."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """Stable, for the log: `timeout`, `unreachable`, `refused`, `key_missing`, `key_disabled`…"""


class KekDescription(Struct, frozen=True, forbid_unknown_fields=True):
    """Which key a version is: what its provider needs to find it again, and nothing secret."""

    provider: str
    details: Mapping[str, str]

    @property
    def version(self) -> str:
        """The provider's name and 16 hexadecimal characters that only this description gives."""
        digest = hashlib.sha256(b"sealgate kek description" + self.text().encode()).hexdigest()
        return f"{self.provider}-{digest[:16]}"

    def text(self) -> str:
        """One line of JSON, the same for the same description."""
        return msgspec.json.encode(self, order="deterministic").decode()


class KekProvider(Protocol):
    """Wraps data keys (32 bytes). `context` is authenticated, not stored: the same at both ends."""

    @property
    def version(self) -> str:
        """Names the KEK that `wrap` uses; stored beside what it wrapped. Not a secret."""

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key; the result is of no use without this KEK."""

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key into memory that the caller wipes; raises `KekError`, `KekUnavailableError`."""

    def health(self) -> None:
        """Raise `KekUnavailableError` if the KEK cannot be used now."""


class KekKind(Protocol):
    """How versions of one provider come and go. Raises `StartError` for settings that cannot work."""

    def make(self, key: str) -> KekDescription:
        """Make a new key, or take the one of this name that somebody made; empty: a new one."""

    def open(self, description: KekDescription) -> KekProvider:
        """The provider for one version; asks nobody more than whether the key is there and safe."""

    def destroy(self, description: KekDescription) -> float | None:
        """Destroy the key; gives when that is final (Unix seconds), None for now. Safe to repeat."""


def bind(label: str, *fields: str | int | bytes) -> bytes:
    """An unambiguous encoding of a context: each field after its length as four bytes, big-endian."""
    encoded = [label.encode()]
    for field in fields:
        if isinstance(field, int):
            encoded.append(field.to_bytes(8, "big"))
        else:
            encoded.append(field.encode() if isinstance(field, str) else field)
    return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)
