"""End-user session tokens: short-lived JWTs that a host application's server signs and the proxy verifies.

Pure: keys, time and randomness come in as parameters (`SessionSigner` alone reads the clock). It never
logs or stores.
"""

from sealgate.session.claims import (
    DEFAULT_LIFETIME_S,
    MAX_LIFETIME_S,
    Claims,
    Session,
    check_claims,
    check_permissions,
)
from sealgate.session.curves import Algorithm, SessionKeyError
from sealgate.session.errors import (
    InvalidSession,
    MalformedClaims,
    SessionExpired,
    SessionNotYetValid,
    SessionRefused,
    WrongAudience,
)
from sealgate.session.keys import SessionPublicKey, SigningKey
from sealgate.session.signer import SessionSigner, sign
from sealgate.session.tokens import MAX_TOKEN_BYTES, Parts, Unverified, peek, take_apart
from sealgate.session.verifier import LEEWAY_S, verify, verify_parts

__all__ = [
    "DEFAULT_LIFETIME_S",
    "LEEWAY_S",
    "MAX_LIFETIME_S",
    "MAX_TOKEN_BYTES",
    "Algorithm",
    "Claims",
    "InvalidSession",
    "MalformedClaims",
    "Parts",
    "Session",
    "SessionExpired",
    "SessionKeyError",
    "SessionNotYetValid",
    "SessionPublicKey",
    "SessionRefused",
    "SessionSigner",
    "SigningKey",
    "Unverified",
    "WrongAudience",
    "check_claims",
    "check_permissions",
    "peek",
    "sign",
    "take_apart",
    "verify",
    "verify_parts",
]
