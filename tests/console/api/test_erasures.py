"""Erasure by the management API: the name, the scope, the receipt; a vault that goes away; who is told."""

from __future__ import annotations

import pytest

from sealgate.messages.frames import Refusal
from tests.console.api.program import Program, code, token_of
from tests.console.running import Browser, Running
from tests.console.test_addon import AT_OPENAI


async def test_an_application_is_erased_by_its_name_and_its_receipt_taken(
    world: Running, deploy: Program
) -> None:
    app = (await deploy.newsletter())["id"]
    wrong = await deploy.send("POST", "/applications/newsletter/erase", {"confirm": "newsletter"})
    assert (wrong.status_code, code(wrong)) == (422, "invalid")
    assert wrong.json()["error"]["field"] == "confirm"
    assert world.desk.erasures == {}
    answer = await deploy.send("POST", "/applications/newsletter/erase", {"confirm": "Larkspur"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["kind"], found["subject"], found["state"]) == ("application", app, "erased")
    assert found["waits_for"] == ["sealing-keys", "file-1"]
    assert (await deploy.get("/applications/newsletter")).status_code == 404
    shown = (await deploy.get(f"/erasures/{found['receipt']}")).json()
    assert shown["erasure"] == found
    assert shown["receipt"] == {"payload": "e30", "protected": "e30", "signature": "AA"}
    assert (await deploy.get("/erasures")).json() == {"items": [found]}


async def test_a_credential_is_erased(world: Running, ada: Browser, deploy: Program) -> None:
    app = (await deploy.newsletter())["id"]
    await ada.submit(f"/applications/{app}/add-on/key", AT_OPENAI, page=f"/applications/{app}/add-on")
    credential = world.desk.deposit().credential
    body = {"credential": credential, "confirm": "Larkspur"}
    answer = await deploy.send("POST", f"/applications/{app}/add-on/erase", body)
    assert answer.status_code == 200, answer.text
    assert (await deploy.get(f"/applications/{app}/add-on")).json()["state"] == "none"
    again = await deploy.send("POST", f"/applications/{app}/add-on/erase", body)
    assert again.status_code == 404


async def test_the_organization_is_erased_and_its_token_still_reads_the_receipt(
    world: Running, deploy: Program
) -> None:
    await deploy.newsletter()
    answer = await deploy.send("POST", "/organization/erase", {"confirm": "Analytical"})
    assert answer.status_code == 200, answer.text
    assert (await deploy.get(f"/erasures/{answer.json()['receipt']}")).status_code == 200
    refused = await deploy.put("/applications/another", {"name": "Another"})
    assert (refused.status_code, code(refused)) == (422, "invalid")


async def test_another_organizations_receipt_is_not_there(world: Running, deploy: Program) -> None:
    await deploy.newsletter()
    receipt = (await deploy.send("POST", "/organization/erase", {"confirm": "Analytical"})).json()["receipt"]
    await world.owner("eve@example.com", "Elsewhere")
    eve = Program(world.site, await token_of(world, "eve@example.com"))
    assert (await eve.get(f"/erasures/{receipt}")).status_code == 404
    assert (await eve.get("/erasures")).json() == {"items": []}


@pytest.mark.parametrize("path", ["/applications/newsletter/erase", "/organization/erase"])
async def test_a_refusal_has_the_vaults_own_code(world: Running, deploy: Program, path: str) -> None:
    await deploy.newsletter()
    world.desk.refuse_erasure = Refusal(code="vault_unavailable", message="it cannot write", hint="Look.")
    name = "Analytical" if path.startswith("/organization") else "Larkspur"
    answer = await deploy.send("POST", path, {"confirm": name})
    assert (answer.status_code, code(answer)) == (409, "vault_refused")
    assert answer.json()["error"]["vault_code"] == "vault_unavailable"
    assert (await deploy.get("/erasures")).json() == {"items": []}


async def test_a_programs_erasure_names_its_token_in_the_record(
    world: Running, ada: Browser, deploy: Program
) -> None:
    await deploy.newsletter()
    await deploy.send("POST", "/applications/newsletter/erase", {"confirm": "Larkspur"})
    page = (await ada.get("/audit")).text
    assert "Ada (token deploy)" in page
    assert "had erased for good the application" in page
