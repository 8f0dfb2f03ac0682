"""A small real desk: serves the vault's desk socket with the vault's messages; rows instead of keys."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from sealgate.ids import new_id
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal, RefusedError
from sealgate.messages.server import Peer, Server
from sealgate.messages.tickets import (
    CredentialRevoked,
    CredentialRow,
    Credentials,
    CredentialState,
    Destination,
    Destinations,
    IssueTicket,
    ListCredentials,
    ListDestinations,
    Revoke,
    TicketIssued,
    TicketReply,
    TicketRequest,
)

OPENAI = Destination(provider="openai", origin="https://api.openai.com", label="OpenAI")
EUROPE = Destination(provider="openai", origin="https://eu.api.openai.com", label="OpenAI, Europe")


class FakeDesk:
    """Answers like the vault; `deposit` does what the sealing page does, `refusal` makes it refuse."""

    def __init__(self, socket: Path, instance: str, uid: int, vault_url: str) -> None:
        hello = Hello(protocol=PROTOCOL, instance=instance, process="vault")
        self.server = Server(socket, hello, TicketRequest, self._answer, (uid,))
        self.rows: dict[str, CredentialRow] = {}
        self.tickets: list[TicketIssued] = []
        self.asked: list[IssueTicket] = []
        self.refusal: Refusal | None = None
        self.deposit_base = f"{vault_url}/deposit"

    def deposit(self, last_four: str = "7f3Q", at: float = 1_700_000_000.0) -> CredentialRow:
        """Deposit with the newest ticket."""
        ticket, asked = self.tickets[-1], self.asked[-1]
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
        )
        self.rows[row.credential] = row
        return row

    def _answer(self, _peer: Peer, message: Message) -> TicketReply:
        if self.refusal is not None:
            raise RefusedError(self.refusal)
        match message:
            case ListDestinations():
                return Destinations(items=(OPENAI, EUROPE))
            case ListCredentials():
                return self._list(message)
            case IssueTicket():
                return self._issue(message)
            case Revoke():
                return self._revoke(message)
        raise RefusedError(Refusal(code="unknown", message="not in this fake"))

    def _list(self, ask: ListCredentials) -> Credentials:
        mine = [
            row
            for row in self.rows.values()
            if (row.organization, row.application) == (ask.organization, ask.application)
        ]
        return Credentials(items=tuple(reversed(mine)))

    def _issue(self, ask: IssueTicket) -> TicketIssued:
        credential = ask.credential or new_id("cred")
        before = self.rows.get(credential)
        ticket = secrets.token_urlsafe(32)
        issued = TicketIssued(
            ticket=ticket,
            deposit_url=f"{self.deposit_base}#ticket={ticket}",
            credential=credential,
            version=before.version + 1 if before else 1,
            expires_at=1_700_000_600.0,
        )
        self.asked.append(ask)
        self.tickets.append(issued)
        return issued

    def _revoke(self, ask: Revoke) -> CredentialRevoked:
        row = self.rows[ask.credential]
        assert (row.organization, row.application) == (ask.organization, ask.application)
        self.rows[ask.credential] = msgspec.structs.replace(
            row, state=CredentialState.REVOKED, revoked_at=1_700_000_300.0
        )
        return CredentialRevoked(credential=ask.credential, revoked_at=1_700_000_300.0)
