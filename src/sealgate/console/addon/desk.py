"""The console's end of the vault's desk: tickets, the masked list, revocation, erasure and its receipts.

Counterpart: the vault. There is no message that opens a key, so nothing here can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureRow, Receipts
from sealgate.messages.frames import PROTOCOL, Hello, Message, RefusedError
from sealgate.messages.tickets import (
    CredentialRevoked,
    CredentialRow,
    Credentials,
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
)

LOOK_TIME_S = 1.5
"""How long a page waits to be told something: a vault that hangs must not hang the console with it."""
CHANGE_TIME_S = 5.0


class VaultAwayError(Exception):
    """The vault cannot be reached now; nothing was changed."""


class VaultRefusedError(Exception):
    """The vault did not do it; `code` is the vault's own, `message` and `hint` are for people."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Desk:
    """Asks the vault over its desk socket; `run` keeps the connection until it is cancelled.

    `on_connected` is called each time that the vault is reached.
    """

    def __init__(
        self,
        socket: Path,
        instance: str,
        log: Log,
        server_uids: Sequence[int] | None = None,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        hello = Hello(protocol=PROTOCOL, instance=instance, process="console")
        self._log = log
        self._on_connected = on_connected
        self._client = Client(
            socket,
            hello,
            TicketReply,
            on_connected=self._here,
            on_disconnected=self._away,
            server_uids=server_uids,
        )
        self._up = asyncio.Event()
        self.connections = 0
        """How often the vault was reached anew."""

    async def run(self) -> None:
        """Connect and stay connected until cancelled."""
        await self._client.run()

    @property
    def connected(self) -> bool:
        """True while the vault can be asked."""
        return self._client.connected

    async def wait_connected(self) -> None:
        """Return once the vault can be asked."""
        await self._up.wait()

    async def destinations(self) -> Sequence[Destination]:
        """Where keys may go, as the vault alone decides."""
        reply = await self._ask(ListDestinations(), LOOK_TIME_S)
        assert isinstance(reply, Destinations)
        return reply.items

    async def credentials(self, organization: str, application: str) -> Sequence[CredentialRow]:
        """An application's credentials, masked, newest first."""
        return (await self.look(organization, application)).items

    async def look(self, organization: str, application: str) -> Credentials:
        """The same, with the words of the sealing keys that the next one would be sealed to."""
        ask = ListCredentials(organization=organization, application=application)
        reply = await self._ask(ask, LOOK_TIME_S)
        assert isinstance(reply, Credentials)
        return reply

    async def issue_ticket(self, ask: IssueTicket) -> TicketIssued:
        """A one-time right to deposit a key, and the page to take it to."""
        reply = await self._ask(ask)
        assert isinstance(reply, TicketIssued)
        return reply

    async def revoke(self, organization: str, application: str, credential: str) -> float:
        """Destroy a key at once; gives when (Unix seconds)."""
        reply = await self._ask(
            Revoke(organization=organization, application=application, credential=credential)
        )
        assert isinstance(reply, CredentialRevoked)
        return reply.revoked_at

    async def switch(self, organization: str, application: str, credential: str) -> CredentialRow:
        """Staged becomes active, active becomes previous."""
        return await self._ask_row(
            Switch(organization=organization, application=application, credential=credential)
        )

    async def roll_back(self, organization: str, application: str, credential: str) -> CredentialRow:
        """Previous becomes active, active becomes staged."""
        return await self._ask_row(
            RollBack(organization=organization, application=application, credential=credential)
        )

    async def discard(
        self, organization: str, application: str, credential: str, version: int
    ) -> CredentialRow:
        """Destroy a staged or a previous version."""
        return await self._ask_row(
            Discard(
                organization=organization, application=application, credential=credential, version=version
            )
        )

    async def erase(self, ask: Erase) -> Erased:
        """Have everything of a credential, an application or an organization destroyed for good."""
        reply = await self._ask(ask)
        assert isinstance(reply, Erased)
        return reply

    async def receipts(self, organization: str) -> Sequence[ErasureRow]:
        """Every erasure of an organization as it stands now, the newest first."""
        reply = await self._ask(AskReceipts(organization=organization), LOOK_TIME_S)
        assert isinstance(reply, Receipts)
        return reply.items

    async def receipt(self, organization: str, receipt: str) -> Erased:
        """One erasure with its receipt, signed as things stand now."""
        reply = await self._ask(AskReceipt(receipt=receipt, organization=organization), LOOK_TIME_S)
        assert isinstance(reply, Erased)
        return reply

    def _here(self) -> None:
        self.connections += 1
        self._up.set()
        self._log("vault_connected")
        self._on_connected()

    def _away(self) -> None:
        self._up.clear()
        self._log("vault_disconnected")

    async def _ask_row(self, message: Message) -> CredentialRow:
        reply = await self._ask(message)
        assert isinstance(reply, CredentialRow)
        return reply

    async def _ask(self, message: Message, timeout_s: float = CHANGE_TIME_S) -> Message:
        try:
            return await self._client.ask(message, timeout_s=timeout_s)
        except NotConnectedError:
            raise VaultAwayError from None
        except RefusedError as error:
            self._log("vault_refused", code=error.refusal.code)
            refusal = error.refusal
            raise VaultRefusedError(refusal.code, refusal.message, refusal.hint) from None
