"""Deposits: from the console's wish for a key to the envelope in its place.

Counterparts: `desk` asks for tickets, `pages` shows and redeems them. The envelope is opened once, into a
slot, to see that it opens for its purpose and holds a possible key; the slot is wiped before anything is
stored.
"""

from __future__ import annotations

from msgspec import Struct

from sealgate.envelope import Context, EnvelopeError, KeyFormatError, open_into, read_header
from sealgate.ids import new_id
from sealgate.log import Log
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.tickets import CredentialState, DepositApproval, IssueTicket, TicketIssued
from sealgate.vault import versions
from sealgate.vault.config import VaultConfig
from sealgate.vault.credentials import unknown_credential
from sealgate.vault.deposit_approvals import DepositApprovals
from sealgate.vault.faults import AlarmError
from sealgate.vault.fingerprint import fingerprint
from sealgate.vault.keyring import KeyringRecord, SealingKeys
from sealgate.vault.passkeys import Assertion
from sealgate.vault.stores import Stores
from sealgate.vault.tickets import LIVE_LIMIT, TicketRecord
from sealgate.vault.versions import Credential, CredentialRecord, VersionRecord


class DepositPlan(Struct, frozen=True):
    """What a ticket is good for and what to seal to, for the sealing page."""

    ticket: TicketRecord
    label: str
    keys: SealingKeys
    """Of the ticket's epoch; the key may be sealed to any of them."""
    current: Credential | None
    """What the key is deposited beside or instead of; None for the first key of a credential."""
    passkeys: tuple[bytes, ...] | None
    """Ids of the passkeys that may approve the deposit; None where no approval is needed."""

    @property
    def replaces(self) -> bool:
        """True if the deposit destroys a key: the active one, or, of a staged deposit, a staged one."""
        return self.current is not None and (not self.ticket.stage or self.current.record.staged is not None)


class Deposited(Struct, frozen=True):
    """A key that is in its place."""

    version: VersionRecord
    approved_by: str | None
    """An administrator's name; None where no approval was needed."""


class Deposits:
    """Issues tickets and accepts envelopes."""

    def __init__(self, config: VaultConfig, fingerprint_key: bytes, stores: Stores, log: Log) -> None:
        self._instance = config.instance
        self._deposit_url = config.public_url.rstrip("/") + "/deposit"
        self._lifetime_s = config.ticket_lifetime_s
        self._fingerprint_key = fingerprint_key
        self._stores = stores
        self._approvals = DepositApprovals(config, stores.administrators)
        self._log = log

    def issue(self, order: IssueTicket, now_s: float) -> TicketIssued:
        """A ticket for this order; raises `RefusedError` for an unknown destination or credential."""
        if self._stores.destinations.find(order.provider, order.origin) is None:
            raise _refused(
                "unknown_destination", "the vault does not know this destination", "list the destinations"
            )
        if self._stores.credentials.is_erased(order.organization, order.application):
            raise _refused("erased", "this application was erased for good", "make another application")
        self._approvals.check_possible(order.organization)
        if len(self._stores.tickets.live(order.organization, order.application, now_s)) >= LIVE_LIMIT:
            raise _refused(
                "too_many_tickets",
                f"{LIVE_LIMIT} tickets are out already",
                "use one, or wait until they expire",
            )
        credential, version = self._next_version(order)
        keys = self._stores.keyring.current(order.organization, now_s)
        purpose = TicketRecord(
            ticket_hash=b"",
            organization=order.organization,
            organization_name=order.organization_name,
            application=order.application,
            application_name=order.application_name,
            provider=order.provider,
            origin=order.origin,
            credential=credential,
            version=version,
            stage=int(order.stage),
            key_id=keys.preferred.key_id,
            expires_at=now_s + self._lifetime_s,
            used_at=None,
        )
        ticket = self._stores.tickets.add(purpose, now_s)
        self._note("ticket_issued", purpose, origin=purpose.origin)
        return TicketIssued(
            ticket=ticket,
            deposit_url=f"{self._deposit_url}#ticket={ticket}",
            credential=credential,
            version=version,
            expires_at=purpose.expires_at,
        )

    def approval(self, organization: str) -> DepositApproval:
        """Whether an administrator must approve this organization's deposits."""
        return self._approvals.standing(organization)

    def plan(self, ticket: str, now_s: float) -> DepositPlan:
        """What the ticket is good for, without using it; raises `TicketRefusedError`."""
        record = self._stores.tickets.look(ticket, now_s)
        if self._stores.credentials.is_erased(record.organization, record.application):
            raise self._stores.tickets.refuse("erased", record)
        destination = self._stores.destinations.find(record.provider, record.origin)
        if destination is None:
            raise self._stores.tickets.refuse("destination_gone", record)
        try:
            current = self._stores.credentials.find(record.credential)
            keys = self._stores.keyring.offered(record.key_id, record.organization)
        except AlarmError as error:
            raise self._stores.tickets.refuse("damaged", record) from error
        if not self._follows(record, current):
            raise self._stores.tickets.refuse("outdated", record)
        allowed = self._approvals.allowed(record.organization)
        return DepositPlan(record, destination.label, keys, current, allowed)

    def accept(
        self, ticket: str, envelope: bytes, now_s: float, passkey: Assertion | None = None
    ) -> Deposited:
        """Take an envelope in.

        Raises `TicketRefusedError`, `PasskeyMissingError`, `PasskeyRefusedError`, `EnvelopeError` or
        `KeyFormatError`, and then nothing has changed.
        """
        plan = self.plan(ticket, now_s)
        person = self._approvals.approved(plan.ticket, ticket, envelope, passkey, now_s)
        deposited = self._examine(plan, envelope, now_s)
        told = self._stores.credentials.accept(plan.current, _after(plan), deposited, plan.ticket, now_s)
        self._note(
            "deposited", plan.ticket, replaced=plan.replaces, staged=bool(plan.ticket.stage), told=told
        )
        if person is None:
            return Deposited(deposited, None)
        self._note("deposit_approved", plan.ticket, administrator=person.record.administrator)
        return Deposited(deposited, person.record.name)

    def _next_version(self, order: IssueTicket) -> tuple[str, int]:
        if order.credential is None:
            if order.stage:
                raise _refused(
                    "nothing_active",
                    "a key can only be staged beside an active one",
                    "deposit the first key without staging it",
                )
            return new_id("cred"), 1
        record = self._stores.credentials.theirs(
            order.organization, order.application, order.credential
        ).record
        if (record.provider, record.origin) != (order.provider, order.origin):
            raise unknown_credential()
        versions.check_living(record)
        return record.credential, record.newest + 1

    def _follows(self, ticket: TicketRecord, current: Credential | None) -> bool:
        """True if the ticket's version is a living credential's next one: an old ticket restored is not."""
        if current is None:
            return ticket.version == 1 and not self._stores.credentials.was_seen(ticket.credential)
        record = current.record
        return record.state == CredentialState.ACTIVE and ticket.version == record.newest + 1

    def _examine(self, plan: DepositPlan, envelope: bytes, now_s: float) -> VersionRecord:
        """Open an envelope once, to see that it opens and what its key's mask is."""
        ticket = plan.ticket
        slot = self._stores.arena.take()
        try:
            pair = _pair_of(envelope, plan.keys)
            private = self._stores.keyring.private(pair.key_id, pair.organization)
            open_into(envelope, private, _context(self._instance, ticket, pair.key_id), slot.buffer())
            key = slot.key()
            return VersionRecord(
                credential=ticket.credential,
                version=ticket.version,
                revision=0,  # the credential's, when it is stored
                key_id=pair.key_id,
                envelope=envelope,
                fingerprint=fingerprint(self._fingerprint_key, ticket.organization, key),
                # Four characters of the key are readable on purpose: people tell their keys apart by them.
                last_four=bytes(key[-4:]).decode("ascii"),
                deposited_at=now_s,
            )
        except (EnvelopeError, KeyFormatError) as error:
            self._note("deposit_refused", ticket, code=error.code)
            raise
        finally:
            slot.wipe()

    def _note(self, event: str, ticket: TicketRecord, **fields: str | int | bool) -> None:
        self._log(
            event,
            organization=ticket.organization,
            application=ticket.application,
            credential=ticket.credential,
            version=ticket.version,
            **fields,
        )


def _after(plan: DepositPlan) -> CredentialRecord:
    """How the credential stands once the key is in."""
    ticket, current = plan.ticket, plan.current
    if current is not None:
        place = versions.staged if ticket.stage else versions.replaced
        return place(current.record, ticket.version)
    return CredentialRecord(
        credential=ticket.credential,
        organization=ticket.organization,
        application=ticket.application,
        provider=ticket.provider,
        origin=ticket.origin,
        state=CredentialState.ACTIVE.value,
        revision=1,
        newest=1,
        active=1,
        staged=None,
        previous=None,
        revoked_at=None,
    )


def _pair_of(envelope: bytes, offered: SealingKeys) -> KeyringRecord:
    """The pair of the ticket's epoch that the envelope names; raises `EnvelopeError` for any other."""
    header = read_header(envelope)
    pair = offered.find(header.suite, header.key_id)
    if pair is None:
        raise EnvelopeError
    return pair


def _context(instance: str, ticket: TicketRecord, key_id: bytes) -> Context:
    return Context(
        instance=instance,
        organization=ticket.organization,
        application=ticket.application,
        credential=ticket.credential,
        version=ticket.version,
        provider=ticket.provider,
        origin=ticket.origin,
        key_id=key_id,
    )


def _refused(code: str, message: str, hint: str) -> RefusedError:
    return RefusedError(Refusal(code=code, message=message, hint=hint))
