"""The add-on through the management API, against a desk that answers as the vault does."""

from __future__ import annotations

from typing import Any

import pytest

from sealgate.ids import new_id
from tests.console.api.program import Program, code
from tests.console.fake_desk import EUROPE, OPENAI
from tests.console.running import Browser, Running

ROOT = "/applications/newsletter/add-on"
AT_OPENAI = {"provider": "openai", "origin": OPENAI.origin}
IN_EUROPE = {"provider": "openai", "origin": EUROPE.origin}


async def sealed(world: Running, deploy: Program, to: dict[str, Any], last_four: str = "7f3Q") -> str:
    """A key that somebody deposited with a ticket of this program's; gives the credential."""
    issued = await deploy.send("POST", f"{ROOT}/tickets", to)
    assert issued.status_code == 201, issued.text
    world.desk.deposit(last_four)
    return str(issued.json()["credential"])


async def state(deploy: Program) -> dict[str, Any]:
    found: dict[str, Any] = (await deploy.get(ROOT)).json()
    return found


async def test_a_ticket_has_all_that_a_deposit_needs(world: Running, deploy: Program) -> None:
    app = await deploy.newsletter()
    assert (await state(deploy))["state"] == "none"
    ticket = (await deploy.send("POST", f"{ROOT}/tickets", AT_OPENAI)).json()
    assert ticket["vault_url"] == world.console.config.vault_url
    assert ticket["deposit_url"] == f"{ticket['vault_url']}/deposit#ticket={ticket['ticket']}"
    assert (ticket["application"], ticket["version"]) == (app["id"], 1)
    assert (await state(deploy))["state"] == "awaited"
    world.desk.deposit()
    found = await state(deploy)
    assert (found["state"], found["credential"]) == ("active", ticket["credential"])
    assert found["credentials"][0]["last_four"] == "7f3Q"


async def test_the_page_names_who_made_the_token_as_the_depositor(
    world: Running, ada: Browser, deploy: Program
) -> None:
    app = (await deploy.newsletter())["id"]
    await sealed(world, deploy, AT_OPENAI)
    assert "by Ada" in (await ada.get(f"/applications/{app}/add-on")).text


@pytest.mark.parametrize("wrong", [{"origin": "https://evil.example"}, {"provider": "other"}])
async def test_a_destination_that_the_vault_lacks_is_refused(deploy: Program, wrong: dict[str, str]) -> None:
    await deploy.newsletter()
    answer = await deploy.send("POST", f"{ROOT}/tickets", AT_OPENAI | wrong)
    assert (code(answer), answer.json()["error"]["field"]) == ("invalid", "destination")


async def test_a_key_for_another_destination_is_used_once_it_is_settled(
    world: Running, deploy: Program
) -> None:
    await deploy.newsletter()
    first = await sealed(world, deploy, AT_OPENAI)
    second = await sealed(world, deploy, IN_EUROPE)
    assert (await state(deploy))["credential"] == first
    settled = (await deploy.send("POST", f"{ROOT}/settle")).json()
    assert (settled["credential"], settled["origin"]) == (second, EUROPE.origin)
    assert (await deploy.send("POST", f"{ROOT}/settle")).json() == settled


async def test_the_add_on_goes_off_and_on(world: Running, deploy: Program) -> None:
    await deploy.newsletter()
    absent = await deploy.put(f"{ROOT}/active", {"active": False})
    assert code(absent) == "not_found"
    await sealed(world, deploy, AT_OPENAI)
    for active, word in ((False, "off"), (True, "active")):
        assert (await deploy.put(f"{ROOT}/active", {"active": active})).json()["state"] == word


async def test_a_staged_version_is_switched_to_rolled_back_and_discarded(
    world: Running, deploy: Program
) -> None:
    await deploy.newsletter()
    nothing = await deploy.send("POST", f"{ROOT}/tickets", AT_OPENAI | {"stage": True})
    assert code(nothing) in {"invalid", "vault_refused"}
    await sealed(world, deploy, AT_OPENAI, "aaaa")
    await sealed(world, deploy, AT_OPENAI | {"stage": True}, "bbbb")

    async def standings() -> dict[int, str]:
        versions = (await state(deploy))["credentials"][0]["versions"]
        return {each["version"]: each["standing"] for each in versions}

    assert await standings() == {1: "active", 2: "staged"}
    assert code(await deploy.send("POST", f"{ROOT}/switch", {"version": 1})) == "not_found"
    assert (await deploy.send("POST", f"{ROOT}/switch", {"version": 2})).status_code == 200
    assert await standings() == {1: "previous", 2: "active"}
    assert code(await deploy.send("POST", f"{ROOT}/switch", {"version": 2})) == "not_found"
    assert (await deploy.send("POST", f"{ROOT}/roll-back", {"version": 1})).status_code == 200
    assert await standings() == {1: "active", 2: "staged"}
    assert code(await deploy.send("POST", f"{ROOT}/discard", {"version": 1})) == "not_found"
    assert (await deploy.send("POST", f"{ROOT}/discard", {"version": 2})).status_code == 200
    assert await standings() == {1: "active"}
    whats = [each["what"] for each in (await deploy.get("/audit?limit=9")).json()["items"]]
    # A deposit stands in the record when the console has looked, which may be later.
    changes = [each for each in whats if each.startswith("version.")]
    assert changes[:3] == ["version.discarded", "version.rolled-back", "version.switched"]


async def test_a_key_is_revoked_and_another_is_not_there(world: Running, deploy: Program) -> None:
    await deploy.newsletter()
    credential = await sealed(world, deploy, AT_OPENAI)
    unknown = await deploy.send("POST", f"{ROOT}/revoke", {"credential": new_id("cred")})
    assert code(unknown) == "not_found"
    done = await deploy.send("POST", f"{ROOT}/revoke", {"credential": credential})
    assert done.json()["credential"] == credential
    assert (await state(deploy))["state"] == "revoked"
    again = await deploy.send("POST", f"{ROOT}/revoke", {"credential": credential})
    assert code(again) == "not_found"
