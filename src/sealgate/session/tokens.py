"""The outer form of a session token: three canonical segments, an exact header, an object of claims.

Counterpart: `verifier.py`. Nothing here proves who wrote the token, so every fault is the same silent error.
"""

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sealgate.ids import is_id
from sealgate.session.curves import Algorithm
from sealgate.session.errors import InvalidSession

MAX_TOKEN_BYTES: Final = 4_096
TYPE: Final = "sealgate-session+jwt"
# What a header may say, and which algorithm it means. RFC 9864 names the curve; RFC 8037's older name is what
# most libraries still write: here both mean Ed25519. Whose key may use which is the key's to say.
ALGORITHMS: Final[Mapping[str, Algorithm]] = {"Ed25519": "Ed25519", "EdDSA": "Ed25519", "ES256": "ES256"}
# Exactly these: so `jku`, `jwk`, `x5u`, `x5c` cannot bring a key, nor `crit` or `b64` change the meaning.
_HEADER: Final = frozenset({"alg", "typ", "kid"})
_COMPACT: Final = re.compile(rb"([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]{2,})\.([A-Za-z0-9_-]{86})")
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
# What a segment may end with, by how many characters stand after its last whole four: those whose spare bits
# are zero, or one signature would have several spellings (RFC 4648 §3.5).
_LAST: Final = {0: None, 1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}

Member = str | int | float | bool | list["Member"] | dict[str, "Member"] | None


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself: enough to find the keys that may have signed it, and no more."""

    application: str
    kid: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A token taken apart; `payload` are the bytes of its claims, `algorithm` is what its header says.

    `signed` is what the signature is of (RFC 7515 §5.2, step 8): both first segments as they were sent.
    """

    unverified: Unverified
    algorithm: Algorithm
    payload: bytes
    signed: bytes
    signature: bytes


def peek(token: bytes | str) -> Unverified:
    """The application and key id that a token names, unverified; raises InvalidSession."""
    return take_apart(token).unverified


def take_apart(token: bytes | str) -> Parts:
    """Check everything of a token that needs no key (RFC 7515 §5.2, steps 1 to 7); raises InvalidSession."""
    try:
        compact = token.encode("ascii") if isinstance(token, str) else bytes(token)
        match = _COMPACT.fullmatch(compact) if len(compact) <= MAX_TOKEN_BYTES else None
        if match is None:
            raise InvalidSession
        header, payload, signature = (_decode(segment) for segment in match.groups())
        algorithm, kid = _check_header(_parse_object(header))
        application = _parse_object(payload).get("app")
    except (ValueError, RecursionError) as error:
        raise InvalidSession from error
    if not isinstance(application, str) or not is_id("app", application):
        raise InvalidSession
    return Parts(Unverified(application, kid), algorithm, payload, compact[: match.end(2)], signature)


def _check_header(header: dict[str, Member]) -> tuple[Algorithm, str]:
    if header.keys() != _HEADER or header["typ"] != TYPE:
        raise InvalidSession
    algorithm, kid = header["alg"], header["kid"]
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise InvalidSession
    if not isinstance(kid, str) or _KID.fullmatch(kid) is None:
        raise InvalidSession
    return ALGORITHMS[algorithm], kid


def _decode(segment: bytes) -> bytes:
    over = len(segment) % 4
    last = _LAST[over]
    if last is not None and segment[-1] not in last:
        raise InvalidSession
    return binascii.a2b_base64(segment.translate(_STANDARD) + b"=" * (-over % 4))


def _parse_object(raw: bytes) -> dict[str, Member]:
    parsed = _JSON.decode(raw.decode())
    if not isinstance(parsed, dict):
        raise InvalidSession
    return parsed


def _unique(pairs: list[tuple[str, Member]]) -> dict[str, Member]:
    members = dict(pairs)
    if len(members) != len(pairs):  # two readers might each take another one (RFC 7519 §4)
        raise InvalidSession
    return members


def _refuse(constant: str) -> Member:
    raise InvalidSession from ValueError(f"{constant} is not JSON")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
"""Made once: `json.loads` would make one for each token."""
