"""Administrators for the vault's tests: an operator who invites them, and passkeys that answer the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sealgate.messages.administering import (
    AdministratorInvited,
    AdministratorList,
    AdministratorRow,
    ApprovalsMissing,
    AskAdministrators,
    InviteAdministrator,
)
from sealgate.messages.client import Client
from sealgate.messages.frames import Message
from sealgate.vault import base64url
from tests.vault.authenticator import Lies, Passkey
from tests.vault.deployment import Deployment, Page

Rows = Mapping[str, list[tuple[Any, ...]]]


@dataclass
class Person:
    """An enrolled administrator."""

    administrator: str
    passkey: Passkey


class People:
    """What an operator and administrators do."""

    def __init__(self, vault: Deployment, operator: Client) -> None:
        self.vault = vault
        self.operator = operator

    async def invite(self, name: str, organization: str = "") -> AdministratorInvited:
        return await self._invited(InviteAdministrator(name=name, organization=organization))

    async def again(self, administrator: str) -> AdministratorInvited:
        return await self._invited(InviteAdministrator(administrator=administrator))

    async def again_approved(self, person: Person, other: Person) -> AdministratorInvited:
        """One more passkey, where two decide."""
        answer = await self.approved(InviteAdministrator(administrator=person.administrator), person, other)
        assert isinstance(answer, AdministratorInvited)
        return answer

    async def approved(self, order: Message, *people: Person) -> Message:
        """Ask, have it approved, and ask again."""
        missing = await self.operator.ask(order)
        assert isinstance(missing, ApprovalsMissing)
        for person in people:
            page = await self.approve(missing.proposal.link, person.passkey)
            assert page.status == 200, page.body
        return await self.operator.ask(order)

    async def enrolled(self, name: str, organization: str = "", passkey: Passkey | None = None) -> Person:
        """Invite somebody who enrols at once."""
        invited = await self.invite(name, organization)
        person = Person(invited.administrator, passkey or Passkey(origin=self.vault.config.public_url))
        page = await self.enrol(invited, person.passkey)
        assert page.status == 200, page.body
        return person

    async def enrol(
        self, invited: AdministratorInvited, passkey: Passkey, lies: Lies | None = None, **changes: Any
    ) -> Page:
        """What the enrolment page posts."""
        return await self.enrol_by(invited.link, passkey, lies, **changes)

    async def enrol_by(self, link: str, passkey: Passkey, lies: Lies | None = None, **changes: Any) -> Page:
        """The same, by the link."""
        token = self.fragment(link)
        seen = await self._post("/enrol/invitation", {"invitation": token})
        if seen.status != 200:
            return seen
        body = passkey.enrolment(base64url.decode(seen.json["challenge"]), lies)
        return await self._post("/enrol", {"invitation": token} | body | changes)

    async def proposal(self, link: str) -> Page:
        """What the approvals page shows."""
        return await self._post("/approve/proposal", {"proposal": self.fragment(link)})

    async def approve(self, link: str, passkey: Passkey, lies: Lies | None = None, **changes: Any) -> Page:
        """What the approvals page posts."""
        seen = (await self.proposal(link)).json
        given = passkey.assertion(base64url.decode(seen["challenge"]), lies)
        return await self._post("/approve", {"proposal": self.fragment(link), "passkey": given | changes})

    async def list(self) -> tuple[AdministratorRow, ...]:
        answer = await self.operator.ask(AskAdministrators())
        assert isinstance(answer, AdministratorList)
        return answer.items

    def token(self, invited: AdministratorInvited) -> str:
        return self.fragment(invited.link)

    def fragment(self, link: str) -> str:
        return link.partition("=")[2]

    def copy(self, *tables: str) -> Rows:
        """Rows of these tables, as somebody with the file could keep them."""
        driver = self.vault.vault._foundation.database._driver
        return {table: driver.execute(f"SELECT * FROM {table}").fetchall() for table in tables}

    def put_back(self, rows: Rows) -> None:
        """Those rows instead of what is there."""
        driver = self.vault.vault._foundation.database._driver
        for table, found in rows.items():
            driver.execute(f"DELETE FROM {table}")
            for row in found:
                driver.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    async def _post(self, path: str, body: object) -> Page:
        """As a browser posts to the address that the vault has."""
        host = self.vault.config.public_url.partition("://")[2]
        return await self.vault.post(path, body, {"host": host})

    async def _invited(self, order: InviteAdministrator) -> AdministratorInvited:
        answer = await self.operator.ask(order)
        assert isinstance(answer, AdministratorInvited)
        return answer


@asynccontextmanager
async def connected_people(vault: Deployment) -> AsyncIterator[People]:
    """A vault's operator, connected."""
    from tests.vault.test_operator import connected

    async with connected(vault.config) as operator:
        yield People(vault, operator)
