"""Handles of a vault's sealing key pair, each of one suite.

The private half has no repr, no pickle and no copy; its bytes come out under one loudly named method, for the
keyring that wraps them. The public half is what the sealing page and the command line are given.
"""

from typing import NoReturn, final

from sealgate.envelope.curves import (
    PrivateHandle,
    PublicHandle,
    generate,
    private_bytes,
    private_from,
    public_bytes,
    public_from,
)
from sealgate.envelope.suites import SUITE_1, Suite, suite_of


@final
class SealingPublicKey:
    """A public key that provider keys are sealed to; equal and hashable by its suite and its raw bytes."""

    __slots__ = ("raw", "suite")

    raw: bytes
    suite: Suite

    def __init__(self, raw: bytes, suite: int = SUITE_1) -> None:
        """Take a serialized key (RFC 9180 section 7.1); raises ValueError for another length or suite."""
        known = suite_of(suite)
        length_bytes = known.kem.public_bytes
        if len(raw) != length_bytes:
            raise ValueError(
                f"a sealing public key of suite {known.name} has {length_bytes} bytes, not {len(raw)}"
            )
        object.__setattr__(self, "raw", bytes(raw))
        object.__setattr__(self, "suite", known)

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"a sealing public key cannot change ({name})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingPublicKey) and (other.suite.id, other.raw) == (
            self.suite.id,
            self.raw,
        )

    def __hash__(self) -> int:
        return hash((self.suite.id, self.raw))

    def __repr__(self) -> str:
        return f"SealingPublicKey({self.raw.hex()}, {self.suite.id})"

    def handle(self) -> PublicHandle:
        """Give the key to the library; raises ValueError for a point that is not on the curve."""
        return public_from(self.suite.kem.nist, self.raw)


@final
class SealingPrivateKey:
    """The private key that opens what was sealed to `public`."""

    __slots__ = ("_handle", "public", "suite")

    def __init__(self, handle: PrivateHandle, suite: Suite) -> None:
        self._handle = handle
        self.suite = suite
        self.public = SealingPublicKey(public_bytes(handle.public_key()), suite.id)

    @classmethod
    def generate(cls, suite: int = SUITE_1) -> "SealingPrivateKey":
        """Make a new key pair from the operating system's randomness."""
        known = suite_of(suite)
        return cls(generate(known.kem.nist), known)

    @classmethod
    def dangerously_from_bytes(
        cls, raw: bytes | bytearray | memoryview, suite: int = SUITE_1
    ) -> "SealingPrivateKey":
        """Take raw private bytes, as the keyring unwraps them; wiping `raw` is the caller's business."""
        known = suite_of(suite)
        if len(raw) != known.kem.private_bytes:
            raise ValueError(f"a private key of suite {known.name} has {known.kem.private_bytes} bytes")
        return cls(private_from(known.kem.nist, raw), known)

    def dangerously_to_bytes(self) -> bytes:
        """Give the raw private bytes, for the keyring to wrap and for nobody else."""
        return private_bytes(self._handle)

    def handle(self) -> PrivateHandle:
        """Give the key to the library, for decapsulation only."""
        return self._handle

    def __repr__(self) -> str:
        return f"<SealingPrivateKey of {self.public.raw[:8].hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealing private key cannot be copied or pickled")
