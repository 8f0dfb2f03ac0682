"""A small real desk: serves the vault's desk socket with the vault's messages; rows instead of keys."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import msgspec

from sealgate.ids import new_id
from sealgate.messages.erasing import (
    AskReceipt,
    AskReceipts,
    Erase,
    Erased,
    ErasureKind,
    ErasureRow,
    Receipts,
)
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal, RefusedError
from sealgate.messages.server import Peer, Server
from sealgate.messages.tickets import (
    CredentialRevoked,
    CredentialRow,
    Credentials,
    CredentialState,
    CredentialVersion,
    DepositApproval,
    Destination,
    Destinations,
    Discard,
    IssueTicket,
    ListCredentials,
    ListDestinations,
    Revoke,
    RollBack,
    Switch,
    TicketIssued,
    TicketReply,
    TicketRequest,
    VersionStanding,
)

OPENAI = Destination(provider="openai", origin="https://api.openai.com", label="OpenAI")
EUROPE = Destination(provider="openai", origin="https://eu.api.openai.com", label="OpenAI, Europe")

SEALING_WORDS = "pirir-bubiv-dotis-dural-tugiz-difuh-vatin-sokam"


class FakeDesk:
    """Answers like the vault; `deposit` does what the sealing page does, `refusal` makes it refuse."""

    def __init__(self, socket: Path, instance: str, uid: int, vault_url: str) -> None:
        hello = Hello(protocol=PROTOCOL, instance=instance, process="vault")
        self.server = Server(socket, hello, TicketRequest, self._take, (uid,))
        self.rows: dict[str, CredentialRow] = {}
        self.tickets: list[TicketIssued] = []
        self.asked: list[IssueTicket] = []
        self.heard: list[Message] = []
        """Everything that it was asked, in order."""
        self.refusal: Refusal | None = None
        self.approval = DepositApproval.NOT_NEEDED
        self.refuse_changes: Refusal | None = None
        self.refuse_erasure: Refusal | None = None
        self.hangs_at: type[Message] | None = None
        """A request that is never answered."""
        self.drops_at: type[Message] | None = None
        """A request that is done, and whose answer is lost with the connection."""
        self.answers_later: asyncio.Future[TicketReply] | None = None
        """The answer to the next erasure, given when a test says so."""
        self.erasures: dict[str, ErasureRow] = {}
        self.deposit_base = f"{vault_url}/deposit"

    def deposit(self, last_four: str = "7f3Q", at: float = 1_700_000_000.0) -> CredentialRow:
        """Deposit with the newest ticket."""
        ticket, asked = self.tickets[-1], self.asked[-1]
        version = CredentialVersion(
            version=ticket.version,
            standing=VersionStanding.STAGED if asked.stage else VersionStanding.ACTIVE,
            last_four=last_four,
            fingerprint="3f9a-77c1-20be",
            deposited_at=at,
        )
        before = self.rows.get(ticket.credential)
        if asked.stage and before is not None:
            kept = [each for each in before.versions if each.standing is not VersionStanding.STAGED]
            return self._put(before, [version, *kept])
        row = CredentialRow(
            credential=ticket.credential,
            organization=asked.organization,
            application=asked.application,
            provider=asked.provider,
            origin=asked.origin,
            version=ticket.version,
            state=CredentialState.ACTIVE,
            last_four=last_four,
            fingerprint="3f9a-77c1-20be",
            deposited_at=at,
            last_opened_at=None,
            revoked_at=None,
            versions=(version,),
        )
        self.rows[row.credential] = row
        return row

    def _refuse(self, message: Message) -> None:
        changes = isinstance(message, Switch | RollBack | Discard)
        refusals = (
            self.refusal,
            self.refuse_changes if changes else None,
            self.refuse_erasure if isinstance(message, Erase) else None,
        )
        for refusal in refusals:
            if refusal is not None:
                raise RefusedError(refusal)

    def erase(self, ask: Erase) -> ErasureRow:
        """Erase as the vault does: rows go, and the same order gives the same receipt."""
        assert ask.organization
        fields = {ErasureKind.CREDENTIAL: "credential", ErasureKind.APPLICATION: "application"}
        field = fields.get(ask.kind, "organization")
        gone = [row for row in self.rows.values() if getattr(row, field) == ask.subject]
        for row in gone:
            del self.rows[row.credential]
        found = ErasureRow(
            receipt=new_id("rcpt"),
            kind=ask.kind,
            subject=ask.subject,
            organization=ask.organization,
            application=ask.application,
            began_at=1_700_000_000.0,
            erased_at=1_700_000_001.0,
            credentials=len(gone),
            versions=sum(len(row.versions) for row in gone),
            final_by=1_702_592_000.0,
            final_at=None,
            waits_for=("sealing-keys", "file-1"),
        )
        return self.erasures.setdefault(ask.subject, found)

    def _told(self, ask: AskReceipt | AskReceipts) -> TicketReply:
        if isinstance(ask, AskReceipts):
            mine = [row for row in self.erasures.values() if row.organization == ask.organization]
            return Receipts(items=tuple(reversed(mine)))
        for row in self.erasures.values():
            if (row.receipt, row.organization) == (ask.receipt, ask.organization):
                return self._erased(row)
        raise RefusedError(Refusal(code="unknown_receipt", message="there is no such receipt"))

    def _erased(self, row: ErasureRow) -> Erased:
        signed = '{"protected":"e30","payload":"e30","signature":"AA"}\n'
        return Erased(erasure=row, signed=signed if row.erased_at else "")

    def _put(self, row: CredentialRow, versions: list[CredentialVersion]) -> CredentialRow:
        active = next(each for each in versions if each.standing is VersionStanding.ACTIVE)
        changed = msgspec.structs.replace(
            row,
            version=active.version,
            last_four=active.last_four,
            deposited_at=active.deposited_at,
            versions=tuple(versions),
        )
        self.rows[row.credential] = changed
        return changed

    def _take(self, peer: Peer, message: Message) -> TicketReply | asyncio.Future[TicketReply]:
        self.heard.append(message)
        if self.hangs_at is not None and isinstance(message, self.hangs_at):
            return asyncio.get_running_loop().create_future()
        if self.answers_later is not None and isinstance(message, Erase):
            later, self.answers_later = self.answers_later, None
            return later
        answer = self._answer(peer, message)
        if self.drops_at is not None and isinstance(message, self.drops_at):
            return asyncio.get_running_loop().create_future()
        return answer

    def _answer(self, _peer: Peer, message: Message) -> TicketReply:
        self._refuse(message)
        if isinstance(message, Erase):
            return self._erased(self.erase(message))
        if isinstance(message, AskReceipt | AskReceipts):
            return self._told(message)
        match message:
            case ListDestinations():
                return Destinations(items=(OPENAI, EUROPE))
            case ListCredentials():
                return self._list(message)
            case IssueTicket():
                return self._issue(message)
            case Revoke():
                return self._revoke(message)
            case Switch():
                return self._move(message, VersionStanding.STAGED, VersionStanding.PREVIOUS)
            case RollBack():
                return self._move(message, VersionStanding.PREVIOUS, VersionStanding.STAGED)
            case Discard():
                row = self._mine(message)
                return self._put(row, [each for each in row.versions if each.version != message.version])
        raise RefusedError(Refusal(code="unknown", message="not in this fake"))

    def _list(self, ask: ListCredentials) -> Credentials:
        mine = [
            row
            for row in self.rows.values()
            if (row.organization, row.application) == (ask.organization, ask.application)
        ]
        return Credentials(items=tuple(reversed(mine)), sealing_words=SEALING_WORDS, approval=self.approval)

    def _issue(self, ask: IssueTicket) -> TicketIssued:
        credential = ask.credential or new_id("cred")
        before = self.rows.get(credential)
        newest = max((each.version for each in before.versions), default=before.version) if before else 0
        ticket = secrets.token_urlsafe(32)
        issued = TicketIssued(
            ticket=ticket,
            deposit_url=f"{self.deposit_base}#ticket={ticket}",
            credential=credential,
            version=newest + 1,
            expires_at=1_700_000_600.0,
        )
        self.asked.append(ask)
        self.tickets.append(issued)
        return issued

    def _move(
        self, ask: Switch | RollBack, to_active: VersionStanding, from_active: VersionStanding
    ) -> CredentialRow:
        row = self._mine(ask)
        moves = {to_active: VersionStanding.ACTIVE, VersionStanding.ACTIVE: from_active}
        versions = [
            msgspec.structs.replace(each, standing=moves[each.standing])
            for each in row.versions
            if each.standing in moves  # of each standing there is one; what was there before is gone
        ]
        return self._put(row, versions)

    def _mine(self, ask: Switch | RollBack | Discard) -> CredentialRow:
        row = self.rows[ask.credential]
        assert (row.organization, row.application) == (ask.organization, ask.application)
        return row

    def _revoke(self, ask: Revoke) -> CredentialRevoked:
        row = self.rows[ask.credential]
        assert (row.organization, row.application) == (ask.organization, ask.application)
        self.rows[ask.credential] = msgspec.structs.replace(
            row, state=CredentialState.REVOKED, revoked_at=1_700_000_300.0, versions=()
        )
        return CredentialRevoked(credential=ask.credential, revoked_at=1_700_000_300.0)
