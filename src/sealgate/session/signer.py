"""Sign session tokens: what a host application's server calls for its signed-in user.

Counterpart: `verifier.py` in the proxy. It belongs on a server: whoever holds the signing key can spend.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable

import msgspec

from sealgate.session.claims import DEFAULT_LIFETIME_S, Claims, check_claims, whole_seconds
from sealgate.session.errors import MalformedClaims
from sealgate.session.keys import SigningKey
from sealgate.session.tokens import MAX_TOKEN_BYTES, TYPE


def sign(signing_key: SigningKey, claims: Claims) -> str:
    """A compact JWS of these claims (RFC 7515 §7.1); raises MalformedClaims where `verify` would."""
    from joserfc import jws

    check_claims(claims)
    algorithm = signing_key.algorithm
    header = {"alg": algorithm, "typ": TYPE, "kid": signing_key.kid}
    token = jws.serialize_compact(header, msgspec.json.encode(claims), signing_key.jose_key(), [algorithm])
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedClaims("perm", f"the token must fit in {MAX_TOKEN_BYTES} bytes")
    return token


class SessionSigner:
    """Mints tokens for one application of one Sealgate instance; make it once, when the server starts."""

    def __init__(
        self,
        application: str,
        instance: str,
        signing_key: SigningKey,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._application = application
        self._instance = instance
        self._signing_key = signing_key
        self._clock = clock

    def token(
        self,
        user: str,
        permissions: Iterable[str] = ("action:*",),
        *,
        origin: str | None = None,
        lifetime_s: int = DEFAULT_LIFETIME_S,
        plan: str | None = None,
        locale: str | None = None,
        sid: str | None = None,
    ) -> str:
        """A token for this signed-in user, to be handed to their browser; raises MalformedClaims.

        `user` is the host's own opaque reference (an account id, not an e-mail address); `lifetime_s` is at
        most 3600. Limits count by `sid`: without one it follows from the user, so that a browser gains
        nothing by asking for another token. Give one per sign-in to count each sign-in by itself.
        """
        issued_at = whole_seconds(self._clock())
        claims = Claims(
            aud=self._instance,
            app=self._application,
            sub=user,
            sid=sid or self._sid_of(user),
            iat=issued_at,
            exp=issued_at + lifetime_s,
            perm=tuple(permissions),
            plan=plan,
            origin=origin,
            locale=locale,
        )
        return sign(self._signing_key, claims)

    def _sid_of(self, user: str) -> str:
        digest = hashlib.sha256(f"{self._application}\0{user}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:15]).decode()

    def __repr__(self) -> str:
        return f"<SessionSigner for {self._application} with {self._signing_key!r}>"
