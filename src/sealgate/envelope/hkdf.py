"""HKDF as HPKE uses it: RFC 9180 section 4, LabeledExtract and LabeledExpand, over RFC 5869.

Counterparts: `suites`, which computes what never changes once, and `hpke`, which does the rest.
"""

from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

_VERSION = b"HPKE-v1"


def labeled_extract(digest: HashAlgorithm, suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """RFC 9180 section 4, LabeledExtract; `suite_id` is the KEM's or that of the whole."""
    return HKDF.extract(digest, salt, _VERSION + suite_id + label + ikm)


def labeled_expand(
    digest: HashAlgorithm, suite_id: bytes, prk: bytes, label: bytes, info: bytes, *, length_bytes: int
) -> bytes:
    """RFC 9180 section 4, LabeledExpand."""
    labeled_info = length_bytes.to_bytes(2, "big") + _VERSION + suite_id + label + info
    return HKDFExpand(digest, length_bytes, labeled_info).derive(prk)
