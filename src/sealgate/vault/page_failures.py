"""What goes wrong behind a page, as the one answer that a browser gets for it.

Counterpart: `pages`. A cause that must not be told has been logged by whoever raised it.
"""

from __future__ import annotations

from sealgate.envelope import EnvelopeError, KeyFormatError
from sealgate.vault.administrators import InvitationRefusedError
from sealgate.vault.deposit_approvals import PasskeyMissingError
from sealgate.vault.page_guards import PageRefusedError
from sealgate.vault.passkeys import PasskeyRefusedError
from sealgate.vault.proposals import ProposalRefusedError
from sealgate.vault.tickets import TicketRefusedError

MISSES = (TicketRefusedError, InvitationRefusedError)
"""What strangers can try: each counts against the bucket of wrong tickets; a wrong proposal does too."""
MAPPED = (
    *MISSES,
    PasskeyMissingError,
    PasskeyRefusedError,
    ProposalRefusedError,
    EnvelopeError,
    KeyFormatError,
)

LOGGED = frozenset({"ticket_unknown", "invitation_unknown", "passkey_refused"})
"""Codes of answers whose cause stands in the log already, more exactly."""

_PROPOSALS = {
    "proposal_unknown": (404, "This proposal is not there.", "Ask the operator of the vault for the link."),
    "proposal_over": (409, "This proposal is over.", "Ask the operator of the vault to propose it again."),
    "approved_already": (
        409,
        "You approved this already.",
        "Another administrator has to approve it too; a second passkey of yours does not count.",
    ),
}


def is_miss(error: Exception) -> bool:
    """True for a guess that did not hit."""
    return isinstance(error, MISSES) or (
        isinstance(error, ProposalRefusedError) and error.code == "proposal_unknown"
    )


def answer_for(error: Exception) -> PageRefusedError:
    """The answer to one of `MAPPED`."""
    match error:
        case TicketRefusedError():
            return PageRefusedError(
                404, "ticket_unknown", "This ticket does not work.", "Ask the console for a new one."
            )
        case InvitationRefusedError():
            return PageRefusedError(
                404,
                "invitation_unknown",
                "This invitation does not work.",
                "It works once, for a day. Ask the operator of the vault for a new one.",
            )
        case PasskeyMissingError():
            return PageRefusedError(
                403,
                "passkey_required",
                "An administrator must approve this deposit with a passkey.",
                "Open the deposit's link in a browser, with an administrator of the vault.",
            )
        case PasskeyRefusedError():
            return PageRefusedError(
                403,
                "passkey_refused",
                "This passkey does not approve this.",
                "Use a passkey of an administrator who may, then try again.",
            )
        case ProposalRefusedError():
            status, message, hint = _PROPOSALS[error.code]
            return PageRefusedError(status, error.code, message, hint)
    assert isinstance(error, EnvelopeError | KeyFormatError)
    return PageRefusedError(400, error.code, str(error), error.hint)
