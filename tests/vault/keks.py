"""Rings of KEKs for the vault's tests: a still vault with some organizations, and what is wrapped by what."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.administering import ApprovalsMissing
from sealgate.messages.operating import KekReport
from sealgate.vault import base64url, passkeys
from sealgate.vault.approvals import Action, Approvals, NotApprovedError
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek_changes import KekChanges
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.passkeys import Assertion
from sealgate.vault.proposals import Proposals
from tests.vault.authenticator import Passkey
from tests.vault.deployment import Addresses, canary_key, ticket_order, vault_config
from tests.vault.still import StillVault

Answer = TypeVar("Answer")


class Everything:
    """Approves whatever is asked, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def require(self, action: Action, subject: str) -> str:
        self.asked.append(f"{action.value}:{subject}")
        return ""

    def use_up(self, proposal: str) -> None:
        """Nothing to note."""

    def close(self, action: Action, subject: str) -> None:
        """Nothing to note."""


class Ring:
    """A still vault whose KEKs can be changed; `with` closes it."""

    def __init__(
        self, folder: Path, kek: KekConfig | None = None, *, approvals: Approvals | None = None
    ) -> None:
        self.log = io.StringIO()
        self.passkeys: list[Passkey] = []
        config = vault_config(folder)
        log = LineLog("vault", EVENTS, self.log)
        foundation = lay_foundation(config.data_dir, config.instance, log, kek)
        self.vault = StillVault(folder, foundation)
        self.ring = foundation.kek
        self.keks = foundation.keks
        self.proposals = proposals_of(self.vault)
        self.changes = KekChanges(
            config.instance,
            foundation,
            approvals or self.proposals,
            clock=self.vault.clock,
            log=log,
            again_after_s=0.0,
        )

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, *_error: object) -> None:
        self.vault.foundation.close()

    def do(self, change: Callable[[KekChanges], Awaitable[Answer]]) -> Answer:
        """Ask for one change and wait until nothing is being wrapped anew."""

        async def act() -> Answer:
            answer = await change(self.changes)
            await self.changes.settled()
            return answer

        return asyncio.run(act())

    def destroy(self, version: str) -> KekReport:
        """Have two administrators approve it with their passkeys, then destroy it."""
        if not self.passkeys:
            self.enrol_two()
        with pytest.raises(NotApprovedError) as refused:
            self.do(lambda changes: changes.destroy(version))
        for passkey in self.passkeys:
            approve(self.proposals, refused.value.missing, passkey)
        return self.do(lambda changes: changes.destroy(version))

    def enrol_two(self) -> None:
        """Two administrators of the whole vault."""
        self.passkeys += enrolled_two(self.vault)

    def rotate(self) -> KekReport:
        self.do(lambda changes: changes.rotate(""))
        return self.report()

    def resume(self) -> KekReport:
        """What the process does at its start."""

        async def act() -> KekReport:
            self.changes.resume()
            await self.changes.settled()
            return await self.changes.report()

        return asyncio.run(act())

    def report(self) -> KekReport:
        return asyncio.run(self.changes.report())

    def counts(self) -> dict[str, int]:
        """Rows by the version that they name."""
        return {each.version: each.rows for each in self.report().items if each.rows}


def enrolled_two(vault: StillVault) -> list[Passkey]:
    """Two administrators of the whole vault, by their passkeys."""
    people, now_s, made = vault.stores.administrators, vault.clock.now_s, []
    for name in ("Ada", "Bea"):
        made.append(passkey := Passkey())
        _, token = people.invite(None, name, "", now_s, approved=False)
        body = {key: base64url.decode(text) for key, text in passkey.enrolment(bytes(32)).items()}
        registered = passkeys.register(
            people.party, bytes(32), body["id"], body["client_data"], body["attestation_object"]
        )
        people.enrol(people.invited(token, now_s), registered, (), now_s)
    return made


def proposals_of(vault: StillVault) -> Proposals:
    """What waits for administrators, of a still vault."""
    config, people = vault.config, vault.stores.administrators
    log = LineLog("vault", EVENTS, vault.log)
    return Proposals(config.instance, config.public_url, vault.foundation, people, clock=vault.clock, log=log)


def approve(proposals: Proposals, missing: ApprovalsMissing, passkey: Passkey) -> None:
    """One administrator's yes."""
    link = missing.proposal.link.partition("=")[2]
    challenge = proposals.challenge(proposals.look(link))
    proposals.approve(link, assertion_of(passkey, challenge))


def assertion_of(passkey: Passkey, challenge: bytes) -> Assertion:
    """What a passkey answers, as bytes."""
    given = {name: base64url.decode(text) for name, text in passkey.assertion(challenge).items()}
    return Assertion(given["id"], given["client_data"], given["authenticator_data"], given["signature"])


class Kept:
    """Keys that were deposited, and who may ask for them."""

    def __init__(self, vault: StillVault, organizations: int = 3) -> None:
        self.keys: list[tuple[Addresses, str, bytes]] = []
        for _ in range(organizations):
            at, key = Addresses(new_id("org"), new_id("app")), canary_key()
            self.keys.append((at, vault.deposit(ticket_order(at), key), key))

    def all_open(self, vault: StillVault) -> bool:
        """True if each comes out as it went in, pseudonym keys and all."""
        return all(vault.opens(at, credential) == key for at, credential, key in self.keys)
