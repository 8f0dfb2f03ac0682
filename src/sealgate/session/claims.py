"""What a session token says, and what it permits.

Counterparts: `signer.py` writes claims, `verifier.py` reads them; both check them here, so that a host's
server learns of a mistake when it signs. A session's printed form must never hold its subject.
"""

import math
import re
from typing import Final

import msgspec

from sealgate.session.errors import MalformedClaims

MAX_LIFETIME_S: Final = 3_600
DEFAULT_LIFETIME_S: Final = 900
MAX_PERMISSIONS: Final = 64

_PERMISSION: Final = re.compile(
    r"prompt"
    r"|action:(?:\*|[a-z][a-z0-9-]{0,47})"
    r"|api:(?:\*|[a-z_]{1,32}(?:\.[a-z_]{1,32}){0,3})"
)

# One row per claim that has a text form: its pattern, and the words for a pattern that was missed.
_TEXT_CLAIMS: Final = {
    "app": (re.compile(r"app_[a-z2-7]{20}"), "it must be an application id such as 'app_…'"),
    "sub": (
        re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,256}"),
        "it must be 1 to 256 characters, none of them a control",
    ),
    "sid": (
        re.compile(r"[A-Za-z0-9._~:-]{1,128}"),
        "it must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : -",
    ),
    "plan": (re.compile(r"[A-Za-z0-9._-]{1,64}"), "it must be 1 to 64 characters of A-Z a-z 0-9 . _ -"),
    "origin": (
        re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?"),
        "it must be an origin such as 'https://www.example.com': lower case, no path",
    ),
    "locale": (
        re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}"),
        "it must be a language tag such as 'de-CH'",
    ),
}
_OPTIONAL: Final = frozenset({"plan", "origin", "locale"})


class Session(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A verified session: who may do what, through which application, until when.

    Times are Unix seconds. `subject` is the host's own user reference: pseudonymize it before it is stored.
    """

    application: str
    subject: str
    sid: str
    issued_at: int
    expires_at: int
    permissions: frozenset[str]
    plan: str | None
    origin: str | None
    locale: str | None
    kid: str

    def permits(self, permission: str) -> bool:
        """True if the session holds this permission, or the wildcard of its family (`action:*`, `api:*`)."""
        family, colon, _ = permission.partition(":")
        return permission in self.permissions or (bool(colon) and f"{family}:*" in self.permissions)

    def __repr__(self) -> str:
        return f"<Session of {self.application} by {self.kid}>"


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims of a token (RFC 7519 §4, and ours); times are Unix seconds, unknown claims are ignored.

    Libraries also write `aud` as a list (§4.1.3); only a list of one is accepted. `nbf` counts where present.
    """

    aud: str | tuple[str, ...]
    app: str
    sub: str
    sid: str
    iat: int
    exp: int
    perm: tuple[str, ...]
    nbf: int | None = None
    plan: str | None = None
    origin: str | None = None
    locale: str | None = None

    def __repr__(self) -> str:
        return f"<Claims for {self.app}>"


def check_claims(claims: Claims) -> None:
    """Check the form of every claim but `aud`; raises MalformedClaims naming the first that fails."""
    for name, (pattern, expected) in _TEXT_CLAIMS.items():
        text: str | None = getattr(claims, name)
        if text is None and name in _OPTIONAL:
            continue
        if text is None or pattern.fullmatch(text) is None:
            raise MalformedClaims(name, expected)
    check_permissions(claims.perm)
    if claims.iat < 0:
        raise MalformedClaims("iat", "it must be Unix seconds")
    if not 0 < claims.exp - claims.iat <= MAX_LIFETIME_S:
        raise MalformedClaims("exp", f"it must be 1 to {MAX_LIFETIME_S} seconds after 'iat'")


def check_permissions(permissions: tuple[str, ...]) -> None:
    """Check the grammar of permissions; raises MalformedClaims.

    A permission is `prompt`, `action:<id or *>` or `api:<endpoint or *>`.
    """
    if len(permissions) > MAX_PERMISSIONS:
        raise MalformedClaims("perm", f"it must hold at most {MAX_PERMISSIONS} permissions")
    for permission in permissions:
        if _PERMISSION.fullmatch(permission) is None:
            raise MalformedClaims(
                "perm", "each must be 'prompt', 'action:<id or *>' or 'api:<endpoint or *>'"
            )


def whole_seconds(now_s: float) -> int:
    """Unix seconds without their fraction, as NumericDate wants them (RFC 7519 §2)."""
    return math.floor(now_s)
