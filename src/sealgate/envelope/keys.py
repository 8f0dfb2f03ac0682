"""Handles of a vault's sealing key pair.

The private half has no repr, no pickle and no copy; its bytes come out under one loudly named method, for the
keyring that wraps them. The public half is what the sealing page and the command line are given.
"""

from typing import NoReturn, final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey


@final
class SealingPublicKey:
    """An X25519 public key that provider keys are sealed to; equal and hashable by its 32 raw bytes."""

    __slots__ = ("raw",)

    raw: bytes

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:
            raise ValueError(f"a sealing public key has 32 bytes, not {len(raw)}")
        object.__setattr__(self, "raw", bytes(raw))

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"a sealing public key cannot change ({name})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingPublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"SealingPublicKey({self.raw.hex()})"

    def handle(self) -> X25519PublicKey:
        """Give the key to the library."""
        return X25519PublicKey.from_public_bytes(self.raw)


@final
class SealingPrivateKey:
    """The X25519 private key that opens what was sealed to `public`."""

    __slots__ = ("_handle", "public")

    def __init__(self, handle: X25519PrivateKey) -> None:
        self._handle = handle
        self.public = SealingPublicKey(handle.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> "SealingPrivateKey":
        """Make a new key pair from the operating system's randomness."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def dangerously_from_bytes(cls, raw: bytes | bytearray | memoryview) -> "SealingPrivateKey":
        """Take 32 raw private bytes, as the keyring unwraps them; wiping `raw` is the caller's business."""
        return cls(X25519PrivateKey.from_private_bytes(raw))

    def dangerously_to_bytes(self) -> bytes:
        """Give the 32 raw private bytes, for the keyring to wrap and for nobody else."""
        return self._handle.private_bytes_raw()

    def handle(self) -> X25519PrivateKey:
        """Give the key to the library, for decapsulation only."""
        return self._handle

    def __repr__(self) -> str:
        return f"<SealingPrivateKey of {self.public.raw[:8].hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealing private key cannot be copied or pickled")
