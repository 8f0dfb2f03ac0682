"""What the pages of administrators ask: enrolling a passkey, looking at a proposal, approving it.

Counterparts: web/sealing; `pages`, which guards every request before it comes here. Pages show what the vault
has on record, and no answer tells why an invitation or a passkey does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec import Struct

from sealgate.vault import base64url, passkeys
from sealgate.vault.administrators import Administrator, Administrators
from sealgate.vault.approvals import ACTIONS, Action
from sealgate.vault.kek import bind
from sealgate.vault.page_guards import PageRefusedError
from sealgate.vault.passkeys import Assertion, PasskeyRefusedError
from sealgate.vault.proposals import Proposal, Proposals

RP_NAME = "Sealgate vault"
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "hybrid", "internal", "smart-card", "cable"})


class InvitationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /enrol/invitation`."""

    invitation: str


class EnrolBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /enrol`; bytes as base64url."""

    invitation: str
    id: str
    client_data: str
    attestation_object: str
    transports: tuple[str, ...] = ()


class PasskeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What `navigator.credentials.get` gave; bytes as base64url."""

    id: str
    client_data: str
    authenticator_data: str
    signature: str


class ProposalBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /approve/proposal`."""

    proposal: str


class ApproveBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /approve`."""

    proposal: str
    passkey: PasskeyBody


class Named(Struct, frozen=True):
    """Something with an id and a name."""

    id: str
    name: str


class InvitationView(Struct, frozen=True):
    """What the browser needs to make a passkey."""

    instance: str
    administrator: str
    name: str
    organization: Named | None
    """None: the whole vault."""
    rp: Named
    user: Named
    challenge: str
    exclude: tuple[str, ...]
    expires_at: float
    again: bool
    """True if this administrator has passkeys already."""


class Enrolled(Struct, frozen=True):
    """What was enrolled."""

    administrator: str
    name: str
    passkeys: int
    fingerprint: str


class ApprovedView(Struct, frozen=True):
    """Who approved, and when."""

    name: str
    at: float


class ProposalView(Struct, frozen=True):
    """Everything that the page shows and has signed."""

    instance: str
    proposal: str
    action: str
    title: str
    explanation: str
    facts: tuple[tuple[str, str], ...]
    proposed_at: float
    expires_at: float
    needed: int
    approved: tuple[ApprovedView, ...]
    rp_id: str
    challenge: str
    allow: tuple[str, ...]
    state: str


class AdministratorPages:
    """Answers their posts."""

    def __init__(
        self, instance: str, administrators: Administrators, proposals: Proposals, clock: Callable[[], float]
    ) -> None:
        self._instance = instance
        self._administrators = administrators
        self._proposals = proposals
        self._clock = clock

    def invitation(self, body: InvitationBody) -> InvitationView:
        """What an invitation is for; raises `InvitationRefusedError`."""
        found = self._administrators.invited(body.invitation, self._clock())
        record = found.record
        return InvitationView(
            instance=self._instance,
            administrator=record.administrator,
            name=record.name,
            organization=Named(record.organization, record.organization) if record.organization else None,
            rp=Named(self._administrators.party.id, RP_NAME),
            user=Named(base64url.encode(record.administrator.encode()), record.name),
            challenge=base64url.encode(self._enrolment_challenge(found, body.invitation)),
            exclude=tuple(base64url.encode(key.passkey) for key in found.passkeys),
            expires_at=record.invitation_expires_at or 0.0,
            again=bool(found.passkeys),
        )

    def enrol(self, body: EnrolBody) -> Enrolled:
        """Take a passkey in; raises `InvitationRefusedError` or, for a passkey, `PageRefusedError`."""
        found = self._administrators.invited(body.invitation, self._clock())
        challenge = self._enrolment_challenge(found, body.invitation)
        transports = tuple(dict.fromkeys(each for each in body.transports if each in _TRANSPORTS))
        passkey = decoded(body.id)
        try:
            registered = passkeys.register(
                self._administrators.party,
                challenge,
                passkey,
                decoded(body.client_data),
                decoded(body.attestation_object),
            )
            after = self._administrators.enrol(found, registered, transports, self._clock())
        except PasskeyRefusedError as error:
            self._administrators.refused(error.code, found.record, passkey)
            raise PageRefusedError(
                400,
                "passkey_refused",
                "This passkey cannot be enrolled.",
                "It must ask for a PIN, a fingerprint or a face, and be new here. Try again, or another one.",
            ) from None
        return Enrolled(
            administrator=after.record.administrator,
            name=after.record.name,
            passkeys=after.record.passkeys,
            fingerprint=passkeys.fingerprint(passkey, registered.public_key).words,
        )

    def proposal(self, body: ProposalBody) -> ProposalView:
        """A proposal as it stands; raises `ProposalRefusedError`."""
        return self._view(self._proposals.look(body.proposal))

    def approve(self, body: ApproveBody) -> ProposalView:
        """Add one approval; raises `ProposalRefusedError` or `PasskeyRefusedError`."""
        return self._view(self._proposals.approve(body.proposal, assertion(body.passkey)))

    def _enrolment_challenge(self, found: Administrator, invitation: str) -> bytes:
        """Of this invitation alone, which works once: nothing need be kept between the two requests."""
        name = found.record.administrator
        return hashlib.sha256(bind("sealgate enrolment v1", self._instance, name, invitation)).digest()

    def _view(self, proposal: Proposal) -> ProposalView:
        row = self._proposals.row(proposal)
        words = ACTIONS[Action(row.action)]
        return ProposalView(
            instance=self._instance,
            proposal=row.proposal,
            action=row.action,
            title=words.title,
            explanation=words.explanation,
            facts=((words.subject, row.subject), *self._who(row.subject)),
            proposed_at=row.proposed_at,
            expires_at=row.expires_at,
            needed=row.needed,
            approved=tuple(ApprovedView(each.name, each.approved_at) for each in row.approved),
            rp_id=self._administrators.party.id,
            challenge=base64url.encode(self._proposals.challenge(proposal)),
            allow=tuple(base64url.encode(each) for each in self._proposals.allowed()),
            state=row.state,
        )

    def _who(self, subject: str) -> tuple[tuple[str, str], ...]:
        """The name of the administrator whom a subject begins with, if it does."""
        found = dict(self._administrators.every()).get(subject.partition(" ")[0])
        return () if found is None else (("Name", found.record.name),)


def assertion(body: PasskeyBody) -> Assertion:
    """What a browser sent, as bytes; raises `PageRefusedError`."""
    return Assertion(
        passkey=decoded(body.id),
        client_data=decoded(body.client_data),
        authenticator_data=decoded(body.authenticator_data),
        signature=decoded(body.signature),
    )


def decoded(text: str) -> bytes:
    """Bytes from their text; raises `PageRefusedError`."""
    try:
        return base64url.decode(text)
    except ValueError:
        raise PageRefusedError(
            400, "malformed", "The body does not have the right form.", "Reload the page."
        ) from None
