"""A running vault with something of two organizations in it, and one valid sample of each of its operations.

Counterpart: `test_vault_operations`, which puts hostile values into every field of every sample. A sample
prepares what it needs, so that each is answered with an ordinary success.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sealgate.ids import new_id
from sealgate.messages.administering import (
    AskAdministrators,
    AskProposals,
    InviteAdministrator,
    RemoveAdministrator,
)
from sealgate.messages.auditing import AskAudit, AskOpens, CheckAudit
from sealgate.messages.checking import CheckRows
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureKind
from sealgate.messages.frames import HEADER, PROTOCOL, SECRET_BYTES, FrameKind, Hello, Message, encode
from sealgate.messages.opening import Renew, ShowWaymark
from sealgate.messages.operating import (
    AskKeks,
    AskReceiptKey,
    DestroyKek,
    InspectVault,
    MigrateKek,
    RotateKek,
    RotateSealingKeys,
)
from sealgate.messages.tickets import (
    AskPseudonym,
    Discard,
    ListCredentials,
    ListDestinations,
    Revoke,
    RollBack,
    Switch,
)
from sealgate.vault import administrator_pages, base64url, pages
from tests.vault.authenticator import Passkey
from tests.vault.deployment import (
    Addresses,
    Deployment,
    canary_key,
    open_request,
    owner,
    sealed,
    ticket_order,
)
from tests.vault.people import People, Person
from tests.vault.test_deposit_approvals import challenge
from tests.vault.test_operator import envelope_of, settled
from tests.vault.test_proposals import proposed

GUARDED = new_id("org")
"""The organization whose deposits need a passkey."""


class Wire:
    """One end of a Unix socket, byte by byte: what is sent need not be a message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._last_id = 0

    @classmethod
    async def connected(cls, vault: Deployment, socket: str) -> Wire:
        wire = cls(*await asyncio.open_unix_connection(vault.config.runtime_dir / socket))
        hello = Hello(protocol=PROTOCOL, instance=vault.config.instance, process="attacker")
        assert (await wire.ask(encode(FrameKind.REQUEST, 0, hello)[HEADER.size :]))[0] is FrameKind.REPLY
        return wire

    async def ask(self, body: bytes) -> tuple[FrameKind, Any, bytes]:
        """Kind and body of the answer, and its secret part."""
        self._last_id += 1
        self._writer.write(HEADER.pack(len(body), self._last_id, FrameKind.REQUEST) + body)
        while True:
            length, request_id, number = HEADER.unpack(await self._read(HEADER.size))
            kind = FrameKind(number)
            secret = await self._read(SECRET_BYTES) if kind is FrameKind.SECRET else b""
            answer = msgspec.msgpack.decode(await self._read(length))
            if kind is not FrameKind.NOTICE:
                assert request_id == self._last_id
                return kind, answer, secret

    async def tell(self, message: Message) -> tuple[FrameKind, Any, bytes]:
        return await self.ask(msgspec.msgpack.encode(message))

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self, count: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(count), 20)


class Scene:
    """Whose things there are: mine, an application beside mine, and another organization's."""

    def __init__(self, vault: Deployment, people: People) -> None:
        self.vault, self.people = vault, people
        self.mine, self.theirs = Addresses(), Addresses()
        self.beside = Addresses(self.mine.organization)
        self.wires: list[Wire] = []
        self.keys: dict[str, tuple[Addresses, bytes]] = {}
        self.credential = self.their_credential = self.beside_credential = ""
        self.their_receipt = new_id("rcpt")
        self._two: tuple[Person, Person] | None = None

    async def wire(self, socket: str) -> Wire:
        """A link of one's own, closed with the scene."""
        self.wires.append(await Wire.connected(self.vault, socket))
        return self.wires[-1]

    async def furnish(self) -> Scene:
        self.credential = await self.deposited(self.mine)
        self.their_credential = await self.deposited(self.theirs)
        self.beside_credential = await self.deposited(self.beside)
        return self

    async def deposited(self, at: Addresses, *, kept: bool = True) -> str:
        """A key; `kept`: nobody may do anything to it."""
        key = canary_key()
        credential = await self.vault.sealed_key(at, key)
        if kept:
            self.keys[credential] = at, key
        return credential

    async def spare(self) -> str:
        """A key of mine that may go."""
        return await self.deposited(self.mine, kept=False)

    async def staged(self) -> str:
        """The same with a staged version."""
        credential = await self.spare()
        await self.vault.staged_key(self.mine, canary_key(), credential)
        return credential

    async def two(self) -> tuple[Person, Person]:
        """Two administrators of the whole vault, the same at each call."""
        if self._two is None:
            self._two = await self.people.enrolled("Ada"), await self.people.enrolled("Bea")
        return self._two

    async def receipt(self, at: Addresses) -> str:
        """Of something that was erased."""
        subject = await self.deposited(at, kept=False)
        answer = await self.people.operator.ask(Erase(kind=ErasureKind.CREDENTIAL, subject=subject))
        assert isinstance(answer, Erased)
        return answer.erasure.receipt

    def foreign(self, prefix: str) -> tuple[str, ...]:
        """Ids of another organization, then of another application of mine."""
        return {
            "org": (self.theirs.organization,),
            "app": (self.theirs.application, self.beside.application),
            "cred": (self.their_credential, self.beside_credential),
            "rcpt": (self.their_receipt,),
        }.get(prefix, ())


Sample = Callable[[Scene], Awaitable[Any]]


def plain(make: Callable[[Scene], Message]) -> Sample:
    """A sample that needs no preparation."""

    async def sample(scene: Scene) -> Message:
        return make(scene)

    return sample


async def _revoke(scene: Scene) -> Message:
    return Revoke(**owner(scene.mine), credential=await scene.spare())


async def _switch(scene: Scene) -> Message:
    return Switch(**owner(scene.mine), credential=await scene.staged())


async def _roll_back(scene: Scene) -> Message:
    credential = await scene.staged()
    await scene.vault.switch(scene.mine, credential)
    return RollBack(**owner(scene.mine), credential=credential)


async def _discard(scene: Scene) -> Message:
    return Discard(**owner(scene.mine), credential=await scene.staged(), version=2)


async def _erase(scene: Scene) -> Message:
    return Erase(kind=ErasureKind.CREDENTIAL, subject=await scene.spare(), **owner(scene.mine))


async def _erase_application(scene: Scene) -> Message:
    gone = Addresses(scene.mine.organization)
    await scene.deposited(gone, kept=False)
    kind = ErasureKind.APPLICATION
    return Erase(kind=kind, subject=gone.application, organization=gone.organization)


async def _ask_receipt(scene: Scene) -> Message:
    scene.their_receipt = await scene.receipt(scene.theirs)
    return AskReceipt(receipt=await scene.receipt(scene.mine), organization=scene.mine.organization)


async def _show_waymark(scene: Scene) -> Message:
    now = scene.vault.vault._waymarks.current()
    return ShowWaymark(number=now.number, tag=now.tag, mac=now.mac)


async def _destroy_kek(scene: Scene) -> Message:
    await scene.two()
    await scene.people.operator.ask(RotateKek())
    return DestroyKek(version=(await settled(scene.people.operator)).items[0].version)


async def _inspect(scene: Scene) -> Message:
    envelope = envelope_of(scene.vault, scene.credential)
    return InspectVault(envelope=envelope, organization=scene.mine.organization)


async def _invite_again(scene: Scene) -> Message:
    person = await scene.people.enrolled("Cleo", scene.mine.organization)
    return InviteAdministrator(administrator=person.administrator)


async def _remove(scene: Scene) -> Message:
    return RemoveAdministrator(administrator=(await scene.two())[0].administrator)


async def _remove_passkey(scene: Scene) -> Message:
    ada = await scene.people.enrolled("Ada")
    await scene.people.enrol(await scene.people.again(ada.administrator), Passkey())
    await scene.people.enrolled("Bea")
    short = next(each for each in await scene.people.list() if each.name == "Ada").passkeys[0].passkey
    return RemoveAdministrator(administrator=ada.administrator, passkey=short)


ERASURES: dict[type, tuple[Sample, ...]] = {
    Erase: (_erase, _erase_application),
    AskReceipt: (_ask_receipt,),
    AskReceipts: (plain(lambda scene: AskReceipts(organization=scene.mine.organization)),),
}
DESK: dict[type, tuple[Sample, ...]] = ERASURES | {
    ListDestinations: (plain(lambda _scene: ListDestinations()),),
    type(ticket_order(Addresses())): (
        plain(lambda scene: ticket_order(scene.mine)),
        plain(lambda scene: ticket_order(scene.mine, scene.credential, stage=True)),
    ),
    ListCredentials: (plain(lambda scene: ListCredentials(**owner(scene.mine))),),
    Revoke: (_revoke,),
    Switch: (_switch,),
    RollBack: (_roll_back,),
    Discard: (_discard,),
    AskPseudonym: (plain(lambda scene: AskPseudonym(**owner(scene.mine), subject="somebody")),),
}
OPENER: dict[type, tuple[Sample, ...]] = {
    type(open_request(Addresses(), "")): (
        plain(lambda scene: open_request(scene.mine, scene.credential)),
        plain(lambda scene: open_request(scene.mine, scene.credential, 1)),
    ),
    Renew: (plain(lambda scene: Renew(credential=scene.credential, version=1)),),
    ShowWaymark: (_show_waymark,),
}
OPERATOR: dict[type, tuple[Sample, ...]] = ERASURES | {
    AskKeks: (plain(lambda _scene: AskKeks()),),
    RotateKek: (plain(lambda _scene: RotateKek(key="")),),
    MigrateKek: (plain(lambda _scene: MigrateKek(to="file")),),
    DestroyKek: (_destroy_kek,),
    InspectVault: (_inspect,),
    RotateSealingKeys: (plain(lambda scene: RotateSealingKeys(organization=scene.mine.organization)),),
    AskReceiptKey: (plain(lambda _scene: AskReceiptKey()),),
    CheckRows: (plain(lambda _scene: CheckRows(anew=True)),),
    InviteAdministrator: (
        plain(lambda scene: InviteAdministrator(name="Cleo", organization=scene.mine.organization)),
        _invite_again,
    ),
    AskAdministrators: (plain(lambda _scene: AskAdministrators()),),
    RemoveAdministrator: (_remove, _remove_passkey),
    AskProposals: (plain(lambda _scene: AskProposals()),),
    AskAudit: (plain(lambda scene: AskAudit(event="deposited", about=scene.credential)),),
    CheckAudit: (plain(lambda _scene: CheckAudit()),),
    AskOpens: (plain(lambda scene: AskOpens(credential=scene.credential)),),
}


async def _ticket(scene: Scene) -> dict[str, Any]:
    return {"ticket": (await scene.vault.ticket(scene.mine)).ticket}


async def _deposit(scene: Scene) -> dict[str, Any]:
    ticket = (await scene.vault.ticket(scene.mine)).ticket
    seen = (await scene.vault.view(ticket)).json
    return {"ticket": ticket, "envelope": sealed(seen, canary_key()), "passkey": None}


async def _deposit_with_passkey(scene: Scene) -> dict[str, Any]:
    person = await scene.people.enrolled("Ada", GUARDED)
    ticket = (await scene.vault.ticket(Addresses(GUARDED))).ticket
    seen = (await scene.vault.view(ticket)).json
    envelope = sealed(seen, canary_key())
    given = person.passkey.assertion(challenge(seen, ticket, envelope))
    return {"ticket": ticket, "envelope": envelope, "passkey": given}


async def _invitation(scene: Scene) -> dict[str, Any]:
    return {"invitation": scene.people.token(await scene.people.invite("Cleo"))}


async def _enrol(scene: Scene) -> dict[str, Any]:
    body = await _invitation(scene)
    seen = (await scene.vault.post("/enrol/invitation", body)).json
    enrolment = Passkey().enrolment(base64url.decode(seen["challenge"]))
    return body | enrolment | {"transports": ["usb"]}


async def _proposal(scene: Scene) -> dict[str, Any]:
    ada, _bea = await scene.two()
    proposal = await proposed(scene.people, RemoveAdministrator(administrator=ada.administrator))
    return {"proposal": scene.people.fragment(proposal.link)}


async def _approve(scene: Scene) -> dict[str, Any]:
    ada, bea = await scene.two()
    proposal = await proposed(scene.people, RemoveAdministrator(administrator=ada.administrator))
    seen = (await scene.people.proposal(proposal.link)).json
    given = bea.passkey.assertion(base64url.decode(seen["challenge"]))
    return {"proposal": scene.people.fragment(proposal.link), "passkey": given}


PAGES: dict[type, tuple[Sample, ...]] = {
    pages.TicketBody: (_ticket,),
    pages.DepositBody: (_deposit, _deposit_with_passkey),
    administrator_pages.InvitationBody: (_invitation,),
    administrator_pages.EnrolBody: (_enrol,),
    administrator_pages.ProposalBody: (_proposal,),
    administrator_pages.ApproveBody: (_approve,),
}


def path_of(body: type) -> str:
    """The address that a body is posted to, from its docstring; empty for a part of other bodies."""
    found = re.search(r"`POST (/\S*)`", body.__doc__ or "")
    return "" if found is None else found[1]


def body_types() -> dict[str, type]:
    """Every form of a post, by its address."""
    every = [*vars(pages).values(), *vars(administrator_pages).values()]
    bodies = [each for each in every if isinstance(each, type) and each.__name__.endswith("Body")]
    return {path_of(each): each for each in bodies if path_of(each)}
