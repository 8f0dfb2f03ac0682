"""Deposits that need an administrator's passkey; consoles, browsers and databases that lie about it."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sealgate.envelope import decode_text
from sealgate.ids import new_id
from sealgate.messages.administering import RemoveAdministrator
from sealgate.messages.frames import RefusedError
from sealgate.messages.operating import InspectVault, VaultInspected
from sealgate.messages.tickets import TicketIssued
from sealgate.vault import base64url
from sealgate.vault.config import VaultConfig
from tests.vault.authenticator import UP, Lies, Passkey
from tests.vault.deployment import (
    EVIL_ORIGIN,
    HOST,
    Addresses,
    Clock,
    Deployment,
    Page,
    canary_key,
    running,
    sealed,
    vault_config,
)
from tests.vault.people import People, connected_people


@pytest.fixture
def config(folder: Path) -> VaultConfig:
    return vault_config(folder, deposits_need_passkey=("all",))


@pytest.fixture
async def people(vault: Deployment) -> AsyncIterator[People]:
    async with connected_people(vault) as found:
        yield found


@pytest.fixture
async def passkey(people: People) -> Passkey:
    return (await people.enrolled("Ada")).passkey


def challenge(seen: Any, text: str, envelope: str, **changes: str) -> bytes:
    """What the sealing page has signed, written from the specification."""
    bound = {
        "label": "sealgate deposit approval v1",
        "instance": seen["instance"],
        "organization": seen["organization"]["id"],
        "application": seen["application"]["id"],
        "credential": seen["credential"],
        "version": str(seen["version"]),
        "provider": seen["provider"]["id"],
        "origin": seen["origin"],
        "ticket": text,
    } | changes
    fields = [*(each.encode() for each in bound.values()), decode_text(envelope)]
    return hashlib.sha256(b"".join(struct.pack(">I", len(each)) + each for each in fields)).digest()


async def approved(
    vault: Deployment, issued: TicketIssued, key: bytes, passkey: Passkey, lies: Lies | None = None
) -> Page:
    """Seal, have it approved and hand it in, as the page does."""
    seen = (await vault.view(issued.ticket)).json
    envelope = sealed(seen, key)
    given = passkey.assertion(challenge(seen, issued.ticket, envelope), lies)
    return await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope, "passkey": given})


async def refused_as(page: Page, code: str = "passkey_refused") -> None:
    assert (page.status, page.code) == (403, code)


async def test_an_approved_deposit_is_stored_and_the_receipt_says_by_whom(
    vault: Deployment, at: Addresses, passkey: Passkey, log: io.StringIO
) -> None:
    key, issued = canary_key(), await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    assert seen["passkey"] == {"rp_id": HOST, "allow": [base64url.encode(passkey.id)]}
    page = await approved(vault, issued, key, passkey)
    assert (page.status, page.json["approved_by"]) == (200, "Ada")
    assert (await vault.open(at, issued.credential))[1] == key
    assert "deposit_approved" in log.getvalue()


async def test_without_a_passkey_nothing_is_stored_and_the_ticket_stays_good(
    vault: Deployment, at: Addresses, passkey: Passkey
) -> None:
    issued = await vault.ticket(at)
    await refused_as(await vault.deposit(issued.ticket, canary_key()), "passkey_required")
    with pytest.raises(RefusedError):
        await vault.open(at, issued.credential)
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


async def test_with_nobody_enrolled_no_ticket_is_issued_and_the_hint_says_what_to_do(
    vault: Deployment, at: Addresses, people: People
) -> None:
    with pytest.raises(RefusedError) as refused:
        await vault.ticket(at)
    assert refused.value.refusal.code == "no_administrator"
    assert "sealgate vault administrators invite" in refused.value.refusal.hint
    await people.invite("Ada")
    with pytest.raises(RefusedError, match="no_administrator"):
        await vault.ticket(at)
    await people.enrolled("Bea", new_id("org"))
    with pytest.raises(RefusedError, match="no_administrator"):
        await vault.ticket(at)
    await people.enrolled("Cleo", at.organization)
    await vault.ticket(at)


async def test_an_inspection_says_whose_deposits_nobody_could_approve(folder: Path, assets: Path) -> None:
    mine, theirs = "org_" + "a" * 20, "org_" + "b" * 20
    config = vault_config(folder, deposits_need_passkey=(mine, theirs))
    async with running(config, Clock(), io.StringIO(), assets) as vault, connected_people(vault) as people:

        async def stuck() -> tuple[str, ...]:
            found = await people.operator.ask(InspectVault())
            assert isinstance(found, VaultInspected)
            return found.stuck

        assert await stuck() == (mine, theirs)
        await people.enrolled("Ada", mine)
        assert await stuck() == (theirs,)
        await people.enrolled("Bea")
        assert await stuck() == ()


async def test_who_approves_for_another_organization_approves_nothing_here(
    vault: Deployment, at: Addresses, people: People, passkey: Passkey
) -> None:
    theirs = (await people.enrolled("Bea", new_id("org"))).passkey
    issued = await vault.ticket(at)
    await refused_as(await approved(vault, issued, canary_key(), theirs))
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


@pytest.mark.parametrize(
    ("policy", "needed"), [((), False), (("org_" + "b" * 20,), False), (("org_" + "a" * 20,), True)]
)
async def test_the_vaults_own_configuration_says_whose_deposits_need_it(
    folder: Path, assets: Path, policy: tuple[str, ...], needed: bool
) -> None:
    config = vault_config(folder, deposits_need_passkey=policy)
    at = Addresses("org_" + "a" * 20)
    async with running(config, Clock(), io.StringIO(), assets) as vault, connected_people(vault) as people:
        passkey = (await people.enrolled("Ada")).passkey
        issued = await vault.ticket(at)
        assert ((await vault.view(issued.ticket)).json["passkey"] is not None) is needed
        page = await vault.deposit(issued.ticket, canary_key())
        assert page.status == (403 if needed else 200)
        if needed:
            page = await approved(vault, issued, canary_key(), passkey)
        assert page.json["approved_by"] == ("Ada" if needed else None)


async def test_a_passkey_that_nobody_asked_for_does_no_harm(folder: Path, assets: Path) -> None:
    async with running(vault_config(folder), Clock(), io.StringIO(), assets) as vault:
        page = await approved(vault, await vault.ticket(Addresses()), canary_key(), Passkey())
        assert (page.status, page.json["approved_by"]) == (200, None)


BOUND = {
    "label": "sealgate deposit approval v2",
    "instance": "inst_" + "b" * 20,
    "organization": "org_" + "b" * 20,
    "application": "app_" + "b" * 20,
    "credential": "cred_" + "b" * 20,
    "version": "2",
    "provider": "azure-openai",
    "origin": EVIL_ORIGIN,
    "ticket": "A" * 43,
}


@pytest.mark.parametrize(("field", "value"), BOUND.items(), ids=BOUND)
async def test_an_assertion_for_anything_else_approves_nothing(
    vault: Deployment, at: Addresses, passkey: Passkey, log: io.StringIO, field: str, value: str
) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    envelope = sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, issued.ticket, envelope, **{field: value}))
    page = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope, "passkey": given})
    await refused_as(page)
    assert "passkey_refused code=challenge_wrong administrator=adm_" in log.getvalue()
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


async def test_an_assertion_for_one_envelope_does_not_let_another_one_in(
    vault: Deployment, at: Addresses, passkey: Passkey
) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    mine, attackers = sealed(seen, canary_key()), sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, issued.ticket, mine))
    body = {"ticket": issued.ticket, "envelope": attackers, "passkey": given}
    await refused_as(await vault.post("/deposit", body))


async def test_an_assertion_that_was_used_approves_no_second_deposit(
    vault: Deployment, at: Addresses, passkey: Passkey
) -> None:
    first, second = await vault.ticket(at), await vault.ticket(at)
    seen = (await vault.view(first.ticket)).json
    envelope = sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, first.ticket, envelope))
    body = {"ticket": first.ticket, "envelope": envelope, "passkey": given}
    assert (await vault.post("/deposit", body)).status == 200
    assert (await vault.post("/deposit", body)).code == "ticket_unknown"
    await refused_as(await vault.post("/deposit", body | {"ticket": second.ticket}))


async def test_an_expired_ticket_is_not_saved_by_a_passkey(
    vault: Deployment, at: Addresses, passkey: Passkey, clock: Clock
) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    envelope = sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, issued.ticket, envelope))
    clock.now_s = issued.expires_at
    page = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope, "passkey": given})
    assert page.code == "ticket_unknown"


async def test_a_forged_ticket_is_not_saved_by_a_passkey(vault: Deployment, passkey: Passkey) -> None:
    seen = (await vault.view((await vault.ticket(Addresses())).ticket)).json
    forged, envelope = "A" * 43, sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, forged, envelope))
    page = await vault.post("/deposit", {"ticket": forged, "envelope": envelope, "passkey": given})
    assert page.code == "ticket_unknown"


LIES = {
    "from another page": Lies(origin="http://console.localhost:8700"),
    "for another party": Lies(rp_id="console.localhost"),
    "without verification": Lies(flags=UP),
    "an unknown passkey": Lies(passkey=b"unknown"),
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
async def test_an_assertion_from_a_hostile_page_or_device_approves_nothing(
    vault: Deployment, at: Addresses, passkey: Passkey, lies: Lies
) -> None:
    issued = await vault.ticket(at)
    await refused_as(await approved(vault, issued, canary_key(), passkey, lies))
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


async def test_a_copied_passkey_is_noticed_by_its_counter(
    vault: Deployment, at: Addresses, passkey: Passkey, log: io.StringIO
) -> None:
    for _ in range(2):
        assert (await approved(vault, await vault.ticket(at), canary_key(), passkey)).status == 200
    issued = await vault.ticket(at)
    await refused_as(await approved(vault, issued, canary_key(), passkey, Lies(counter=1)))
    assert "passkey_refused code=counter_behind" in log.getvalue()


async def test_a_removed_administrator_approves_nothing(
    vault: Deployment, at: Addresses, people: People, passkey: Passkey
) -> None:
    bea = await people.enrolled("Bea", at.organization)
    issued = await vault.ticket(at)
    await people.operator.ask(RemoveAdministrator(administrator=bea.administrator))
    await refused_as(await approved(vault, issued, canary_key(), bea.passkey))
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


async def test_a_planted_passkey_approves_nothing(
    vault: Deployment, at: Addresses, people: People, passkey: Passkey
) -> None:
    stolen = await people.enrolled("Bea", new_id("org"))
    issued = await vault.ticket(at)
    rows = people.copy("administrators")["administrators"]
    for row in rows:
        with vault.vault._foundation.database.transaction() as connection:
            connection.execute("UPDATE passkeys SET administrator = ?", (row[0],))
        await refused_as(await approved(vault, issued, canary_key(), stolen.passkey))


async def test_a_bad_envelope_is_refused_although_it_was_approved(
    vault: Deployment, at: Addresses, passkey: Passkey
) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    envelope = sealed(seen, canary_key(), origin=EVIL_ORIGIN)
    given = passkey.assertion(challenge(seen, issued.ticket, envelope))
    page = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope, "passkey": given})
    assert page.status == 400
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


FIELDS = ("id", "client_data", "authenticator_data", "signature")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["", "=", "A", "ä", "AAAA", None, 1, [], {}], ids=repr)
async def test_every_field_of_an_assertion_is_checked(
    vault: Deployment, at: Addresses, passkey: Passkey, field: str, value: Any
) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    envelope = sealed(seen, canary_key())
    given = passkey.assertion(challenge(seen, issued.ticket, envelope)) | {field: value}
    page = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope, "passkey": given})
    assert page.code in {"malformed", "passkey_refused"}


@pytest.mark.parametrize("value", [[], "x", 1, {}, {"id": "AAAA"}, {"more": 1}], ids=repr)
async def test_an_assertion_of_another_form_is_refused(
    vault: Deployment, at: Addresses, passkey: Passkey, value: Any
) -> None:
    issued = await vault.ticket(at)
    body = {"ticket": issued.ticket, "envelope": "AAAA", "passkey": value}
    assert (await vault.post("/deposit", body)).code == "malformed"


async def test_a_full_disk_while_the_counter_is_noted_lets_nothing_in(
    vault: Deployment, at: Addresses, passkey: Passkey
) -> None:
    issued = await vault.ticket(at)
    database = vault.vault._foundation.database
    database._driver.execute("PRAGMA query_only = ON")
    page = await approved(vault, issued, canary_key(), passkey)
    assert (page.status, page.code) == (503, "vault_unavailable")
    database._driver.execute("PRAGMA query_only = OFF")
    assert (await approved(vault, issued, canary_key(), passkey)).status == 200


@pytest.mark.parametrize("policy", [("some",), ("",), ("org_x",)])
def test_a_policy_that_names_no_organization_is_refused(folder: Path, policy: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="deposits_need_passkey"):
        vault_config(folder, deposits_need_passkey=policy)


def test_a_policy_at_an_address_without_a_name_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="host name"):
        vault_config(folder, public_url="http://127.0.0.1:8701", deposits_need_passkey=("all",))
