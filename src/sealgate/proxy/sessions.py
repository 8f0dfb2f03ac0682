"""Sessions that verified, found again by their token's bytes.

Counterpart: `sealgate.session`, which verifies. An entry counts only while the application's document is the
very one that it was verified against, so a revoked key is out with the next request.
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidSignature

from sealgate.policy.document import Policy
from sealgate.proxy.applications import Applications, Known
from sealgate.proxy.forgeries import Forgeries
from sealgate.proxy.ledger import Line
from sealgate.session import (
    LEEWAY_S,
    InvalidSession,
    Parts,
    Session,
    SessionExpired,
    take_apart,
    verify_parts,
)

CACHE_LIMIT = 20_000


class Verified(msgspec.Struct, eq=False):
    """A verified session. The pseudonyms are empty until the vault's lease brought their key."""

    session: Session
    application: Known
    policy: Policy
    pseudonym: str = ""
    safety_identifier: str = ""
    lines: tuple[Line, ...] = ()
    """What its exchanges are counted on; known with the pseudonym, as the next four are (`lines.py`)."""
    told: tuple[Line, ...] = ()
    lasting: str = ""
    session_hash: str = ""
    limits: tuple[Line, ...] = ()
    """Its limits of requests and streams, where other processes count them too."""


class Sessions:
    """Verifies for one instance (`audience`)."""

    def __init__(self, audience: str, applications: Applications) -> None:
        self._audience, self._applications = audience, applications
        self._verified: dict[bytes, Verified] = {}
        self._apart: tuple[bytes, Parts] | None = None
        self.forgeries = Forgeries()

    def find(self, token: bytes, now_s: float) -> Verified | None:
        """The session of a token seen before, if everything that it rests on still holds."""
        found = self._verified.get(token)
        if found is None:
            return None
        session = found.session
        if self._applications.get(session.application, now_s) is not found.application:
            del self._verified[token]
            return None
        if session.expires_at + LEEWAY_S <= now_s:
            del self._verified[token]
            raise SessionExpired
        return found

    def application_of(self, token: bytes) -> str:
        """The application that a token claims to be of, unverified; `InvalidSession` for what is no token."""
        parts = take_apart(token)
        self._apart = token, parts
        return parts.unverified.application

    def verify(self, token: bytes, application: Known, now_s: float) -> Verified:
        """Verify and remember; raises `SessionRefused`, or `ProxyError` for a plan that there is not."""
        self.forgeries.check(application.document.application, now_s)
        try:
            session = verify_parts(self._taken_apart(token), application.keys, self._audience, now_s)
        except InvalidSession as error:
            if isinstance(error.__cause__, InvalidSignature):
                self.forgeries.found(application.document.application, now_s)
            raise
        if session.application != application.document.application:
            raise InvalidSession
        verified = Verified(session, application, application.policy_of(session.plan))
        if len(self._verified) >= CACHE_LIMIT:  # the oldest go first: most of them have expired
            for oldest in list(self._verified)[: CACHE_LIMIT // 10]:
                del self._verified[oldest]
        self._verified[token] = verified
        return verified

    def _taken_apart(self, token: bytes) -> Parts:
        """Once for a token, since its application was just asked for; again where that had to be fetched."""
        kept, self._apart = self._apart, None
        return kept[1] if kept is not None and kept[0] is token else take_apart(token)
