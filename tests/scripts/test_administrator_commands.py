"""The commands for administrators of the vault, against a running one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from sealgate.messages.administering import AdministratorList, AdministratorRow, PasskeyRow
from sealgate.scripts import administrator_commands
from tests.scripts.test_operating import folder, said, settings, vault_of
from tests.vault.authenticator import Passkey
from tests.vault.deployment import Deployment
from tests.vault.people import People, Person, connected_people

__all__ = ["folder", "settings"]


async def invited(vault: Deployment, people: People, *words: str) -> Person:
    """Invite somebody with the command, who enrols at once."""
    result = await said("vault", "administrators", "invite", *words)
    assert result.exit_code == 0, result.output
    link = result.stdout.strip()
    passkey = Passkey()
    seen = (await vault.post("/enrol/invitation", {"invitation": people.fragment(link)})).json
    page = await people.enrol_by(link, passkey)
    assert page.status == 200, page.body
    return Person(seen["administrator"], passkey)


async def test_two_are_invited_approve_and_a_kek_is_destroyed_by_the_same_command(settings: Path) -> None:
    config = ("--config", str(settings))
    async with vault_of(settings) as vault, connected_people(vault) as people:
        ada = await invited(vault, people, "--name", "Ada", *config)
        bea = await invited(vault, people, "--name", "Bea", *config)
        listed = await said("vault", "administrators", "list", *config)
        assert (listed.exit_code, "Ada, the whole vault, enrolled-whole" in listed.output) == (0, True)
        rotated = await said("kek", "rotate", *config, "--json")
        old = json.loads(rotated.output)["items"][0]["version"]
        first = await said("kek", "destroy", old, *config)
        assert first.exit_code == 77
        assert "nobody did. Nothing was done." in first.stderr
        proposed = json.loads((await said("vault", "proposals", *config, "--json")).output)["items"][0]
        assert proposed["link"] in first.stderr
        await people.approve(proposed["link"], ada.passkey)
        assert "Ada did. Nothing was done." in (await said("kek", "destroy", old, *config)).stderr
        assert "approved by Ada" in (await said("vault", "proposals", *config)).output
        await people.approve(proposed["link"], bea.passkey)
        last = await said("kek", "destroy", old, *config, "--json")
        assert last.exit_code == 0, last.output
        assert [each["state"] for each in json.loads(last.output)["items"]] == ["destroyed", "current"]


async def test_an_administrator_adds_a_passkey_loses_one_and_is_removed(settings: Path) -> None:
    config = ("--config", str(settings))
    async with vault_of(settings) as vault, connected_people(vault) as people:
        ada = await invited(vault, people, "--name", "Ada", *config)
        await invited(vault, people, "--administrator", ada.administrator, *config)
        listed = await said("vault", "administrators", "list", *config, "--json")
        first, second = json.loads(listed.output)["items"][0]["passkeys"]
        words = ("vault", "administrators", "remove-passkey", ada.administrator)
        assert "has 1 left" in (await said(*words, first["passkey"], *config)).output
        refused = await said(*words, second["passkey"], *config)
        assert (refused.exit_code, "last_passkey" in refused.output) == (1, True)
        removed = await said("vault", "administrators", "remove", ada.administrator, *config)
        assert f"{ada.administrator} is removed" in removed.output
        assert "Nobody yet" in (await said("vault", "administrators", "list", *config)).output


@pytest.mark.parametrize("words", [(), ("--name", "Ada", "--administrator", "adm_x")], ids=["nobody", "both"])
async def test_an_invitation_names_one_person(settings: Path, words: tuple[str, ...]) -> None:
    result = await said("vault", "administrators", "invite", *words, "--config", str(settings))
    assert (result.exit_code, "hint" in result.output) == (64, True)


ADA = AdministratorRow(
    administrator="adm_a",
    name="Ada",
    organization="",
    state="enrolled-whole",
    invited_until=1_800_000_000.0,
    passkeys=(PasskeyRow("0" * 16, "lusab-babad", 1_800_000_000.0, 1_800_000_000.0),),
)


def told(found: AdministratorList) -> str:
    return "\n".join(administrator_commands.lines(found))


def test_what_nobody_can_approve_is_told_and_is_not_well() -> None:
    alone = AdministratorList(items=(), deposits_need_passkey=("all",))
    assert "NOBODY can approve deposits of all" in told(alone)
    assert not administrator_commands.is_well(alone)
    there = structs.replace(alone, items=(ADA,))
    assert "NOBODY" not in told(there)
    assert administrator_commands.is_well(there)
    other = structs.replace(ADA, organization="org_b")
    assert "NOBODY" in told(AdministratorList(items=(other,), deposits_need_passkey=("org_a",)))


def test_an_altered_administrator_is_told_and_is_not_well() -> None:
    found = AdministratorList(items=(structs.replace(ADA, state="damaged"),), deposits_need_passkey=())
    assert "DAMAGED" in told(found)
    assert not administrator_commands.is_well(found)


def test_a_passkey_is_shown_with_its_fingerprint_and_last_use() -> None:
    text = told(AdministratorList(items=(ADA,), deposits_need_passkey=()))
    assert "lusab-babad" in text
    assert "used 2027-01-15" in text
    assert "invited until" in text
