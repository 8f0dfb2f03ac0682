"""Why a session token is refused: one silent error until its signature verifies, the truth after it.

Counterpart: `verifier.py`, which raises them. No error here may quote a token, a subject or a signature.
"""

from typing import ClassVar


class SessionRefused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A session token that must not be used; `code` is stable and `hint` gives the next step."""

    code: ClassVar[str]
    hint: str

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidSession(SessionRefused):
    """The one answer to a token that is malformed, unknown, forged or signed by a revoked key."""

    code = "invalid_session"

    def __init__(self) -> None:
        super().__init__(
            "The session token is not valid.", "Ask the application for a new session and try again."
        )


class SessionExpired(SessionRefused):
    """The signature is good, and `exp` has passed."""

    code = "session_expired"

    def __init__(self) -> None:
        super().__init__(
            "The session has expired.",
            "Ask the application for a new session and try again; "
            "if that is expired too, compare the clocks.",
        )


class SessionNotYetValid(SessionRefused):
    """The signature is good, and `iat` or `nbf` lies in the future."""

    code = "session_not_yet_valid"

    def __init__(self, claim: str) -> None:
        super().__init__(
            f"The session's {claim!r} lies in the future.",
            "Set the clock of the application's server; a minute of difference is allowed.",
        )


class WrongAudience(SessionRefused):
    """The signature is good, and `aud` names another Sealgate."""

    code = "session_wrong_audience"

    def __init__(self) -> None:
        super().__init__(
            "The session was signed for another Sealgate instance.",
            "Sign it with this instance's id as 'aud'; the application's page in the console shows the id.",
        )


class MalformedClaims(SessionRefused):
    """The signature is good, and a claim is missing or does not have its form."""

    code = "session_claims_invalid"

    def __init__(self, claim: str, expected: str) -> None:
        super().__init__(
            f"The session's claim {claim!r} is not usable: {expected}.",
            f"Correct {claim!r} where the application's server signs its sessions.",
        )
        self.claim = claim
