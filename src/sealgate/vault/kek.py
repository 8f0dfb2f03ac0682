"""The key-encryption key: what every provider of one must do, and how data keys are bound to their place.

Counterparts: one small file per provider (`kek_file`), and `datakey`, which asks them. A KEK never leaves
its provider; there is no unencrypted mode.
"""

from __future__ import annotations

from typing import Protocol


class KekError(Exception):
    """The KEK cannot unwrap this: another KEK, other context, or altered bytes. All three look alike."""


class KekProvider(Protocol):
    """Wraps data keys (32 bytes). `context` is authenticated, not stored: the same at both ends."""

    @property
    def version(self) -> str:
        """Names the KEK that `wrap` uses; stored beside what it wrapped. Not a secret."""

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Encrypt a data key; the result is of no use without this KEK."""

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Decrypt a data key into memory that the caller wipes; raises `KekError`."""

    def health(self) -> None:
        """Raise `KekError` if the KEK cannot be used now."""


def bind(label: str, *fields: str | int | bytes) -> bytes:
    """An unambiguous encoding of a context: each field after its length as four bytes, big-endian."""
    encoded = [label.encode()]
    for field in fields:
        if isinstance(field, int):
            encoded.append(field.to_bytes(8, "big"))
        else:
            encoded.append(field.encode() if isinstance(field, str) else field)
    return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)
