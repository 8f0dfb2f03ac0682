"""Every error that the management API answers: the one literal table of stable codes.

Counterparts: `door`, which turns failures into these, and the OpenAPI document, which lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Failure(Struct, frozen=True):
    """One row: its HTTP status and what it means."""

    status: int
    meaning: str


ERRORS: Final[Mapping[str, Failure]] = {
    "malformed": Failure(400, "The body is not strict JSON, or a query parameter cannot be read."),
    "token_missing": Failure(401, "The request has no `Authorization: Bearer sgt_…`, or more than one."),
    "token_refused": Failure(
        401, "The token is unknown, revoked or expired, or who made it is no longer an owner."
    ),
    "scope_missing": Failure(403, "The token works, but not for this."),
    "not_found": Failure(404, "There is no such thing in the token's organization."),
    "method_not_allowed": Failure(405, "The address exists and is used with another method."),
    "body_slow": Failure(408, "The body did not arrive in time."),
    "vault_refused": Failure(409, "The vault did not do it; the message is the vault's own."),
    "version_conflict": Failure(
        412, "The application is not at the version that `If-Match` or `If-None-Match` names."
    ),
    "body_too_large": Failure(413, "The body is over 1 MiB."),
    "not_json": Failure(415, "The body is not `application/json`."),
    "invalid": Failure(422, "A value cannot be used; `field` says where it stands."),
    "rate_limited": Failure(429, "Too many requests; `Retry-After` says when to go on."),
    "internal": Failure(500, "A defect or a full disk; the console's log names the place."),
    "vault_away": Failure(503, "The vault cannot be reached now; nothing was changed."),
}


class ApiError(Exception):
    """An answer that is an error. `code` is a key of `ERRORS`; `field` the path of the value at fault.

    `vault_code` is the vault's own code where it refused.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        field: str = "",
        *,
        retry_after_s: int = 0,
        vault_code: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = ERRORS[code].status
        self.message = message
        self.hint = hint
        self.field = field
        self.retry_after_s = retry_after_s
        self.vault_code = vault_code


class ErrorDetail(Struct, frozen=True, omit_defaults=True):
    """What went wrong, in a stable code and in words."""

    code: str
    message: str
    hint: str
    field: str = ""
    vault_code: str = ""
    """The vault's own code, where it refused: `no_administrator`, `erased`, `vault_unavailable`…"""


class ErrorBody(Struct, frozen=True):
    """The body of every answer of status 400 and above."""

    error: ErrorDetail
