"""HKDF as HPKE uses it: RFC 9180 section 4, LabeledExtract and LabeledExpand, over RFC 5869.

Counterparts: `suites`, which prepares what never changes, and `hpke`, which does the rest. Both steps are one
HMAC each; it is keyed once for all that it authenticates, and what every message begins with is taken in
once, since somebody waits for each open. It must never expand to more than one block.
"""

from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

_VERSION = b"HPKE-v1"
FIRST_BLOCK = b"\x01"
"""RFC 5869 section 2.3: what LabeledExpand ends with."""


def keyed(digest: HashAlgorithm, key: bytes, start: bytes = b"") -> HMAC:
    """An HMAC that has taken in a key, and what its message begins with."""
    begun = HMAC(key, digest)
    begun.update(start)
    return begun


def finish(begun: HMAC, rest: bytes) -> bytes:
    """The MAC of what was begun and the rest; what was begun can be used again."""
    whole = begun.copy()
    whole.update(rest)
    return whole.finalize()


def mac(digest: HashAlgorithm, key: bytes, message: bytes) -> bytes:
    """The MAC of one message, under a key that authenticates no other."""
    whole = HMAC(key, digest)
    whole.update(message)
    return whole.finalize()


def extracting(digest: HashAlgorithm, suite_id: bytes, label: bytes) -> HMAC:
    """LabeledExtract without a salt, up to its input; `suite_id` is the KEM's or that of the whole."""
    return keyed(digest, bytes(digest.digest_size), extracted(suite_id, label))


def extracted(suite_id: bytes, label: bytes) -> bytes:
    """What LabeledExtract begins with."""
    return _VERSION + suite_id + label


def expanded(suite_id: bytes, label: bytes, length_bytes: int) -> bytes:
    """What LabeledExpand begins with."""
    return length_bytes.to_bytes(2, "big") + extracted(suite_id, label)


def expand(prk: HMAC, start: bytes, info: bytes, length_bytes: int) -> bytes:
    """LabeledExpand by a keyed HMAC; `start` is what `expanded` gives for this length."""
    return finish(prk, start + info + FIRST_BLOCK)[:length_bytes]
