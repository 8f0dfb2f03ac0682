"""Verify a session token: pure, with keys and time as parameters; the caller caches what it returns.

Counterpart: `signer.py`. Until the signature verifies there is one error, `InvalidSession`; then the truth.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature

from sealgate.session.claims import Claims, Session, check_claims, whole_seconds
from sealgate.session.errors import (
    InvalidSession,
    MalformedClaims,
    SessionExpired,
    SessionNotYetValid,
    WrongAudience,
)
from sealgate.session.keys import SessionPublicKey
from sealgate.session.tokens import Parts, take_apart

LEEWAY_S: Final = 60


def verify(token: bytes | str, keys: Sequence[SessionPublicKey], audience: str, now_s: float) -> Session:
    """The session of this token, if one of the application's `keys` signed it for this `audience`.

    `keys` are those of the application that `peek` named, so no other application's key counts. Raises
    InvalidSession and, once the signature has verified, MalformedClaims, WrongAudience, SessionNotYetValid or
    SessionExpired.
    """
    return verify_parts(take_apart(token), keys, audience, now_s)


def verify_parts(parts: Parts, keys: Sequence[SessionPublicKey], audience: str, now_s: float) -> Session:
    """`verify` for a token that was taken apart already, to find whose keys count."""
    _check_signature(parts, keys)
    claims = _read_claims(parts.payload)
    if claims.aud not in (audience, (audience,)):
        raise WrongAudience
    _check_times(claims, whole_seconds(now_s))
    return Session(
        application=claims.app,
        subject=claims.sub,
        sid=claims.sid,
        issued_at=claims.iat,
        expires_at=claims.exp,
        permissions=frozenset(claims.perm),
        plan=claims.plan,
        origin=claims.origin,
        locale=claims.locale,
        kid=parts.unverified.kid,
    )


def _check_signature(parts: Parts, keys: Sequence[SessionPublicKey]) -> None:
    key = next((key for key in keys if key.kid == parts.unverified.kid), None)
    if key is None or key.algorithm != parts.algorithm:  # the key says which algorithm, never the token
        raise InvalidSession
    try:
        key.check(parts.signature, parts.signed)
    except InvalidSignature as error:  # as its cause, so that whoever verifies can count it
        raise InvalidSession from error


def _read_claims(payload: bytes) -> Claims:
    try:
        claims = msgspec.json.decode(payload, type=Claims)
    except msgspec.ValidationError as error:
        raise MalformedClaims(_claim_in(str(error)), "it is missing or of the wrong type") from error
    except msgspec.DecodeError as error:  # half a surrogate pair: not the JSON that `take_apart` let pass
        raise InvalidSession from error
    check_claims(claims)
    return claims


def _claim_in(validation_error: str) -> str:
    """The claim that msgspec's message names: "… - at `$.exp`" or "… missing required field `exp`"."""
    return validation_error.rpartition("`")[0].rpartition("`")[2].removeprefix("$.").partition("[")[0]


def _check_times(claims: Claims, now_s: int) -> None:
    if claims.iat > now_s + LEEWAY_S:
        raise SessionNotYetValid("iat")
    if claims.nbf is not None and claims.nbf > now_s + LEEWAY_S:
        raise SessionNotYetValid("nbf")
    if claims.exp <= now_s - LEEWAY_S:
        raise SessionExpired
