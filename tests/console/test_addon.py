"""The add-on page, against a real desk socket: activating, replacing, revoking, a vault that is away."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from sealgate.console.applications.models import Application
from sealgate.console.feed.services import application_document
from sealgate.messages.feed import CredentialReference
from sealgate.messages.frames import Refusal
from sealgate.messages.tickets import CredentialState, DepositApproval
from sealgate.policy.document import Source, decode_policy, encode_policy
from tests.console.fake_desk import EUROPE, OPENAI, SEALING_WORDS
from tests.console.running import PASSWORD, Browser, Running

AT_OPENAI = {"destination": f"openai {OPENAI.origin}"}
IN_EUROPE = {"destination": f"openai {EUROPE.origin}"}


async def reference(world: Running, app: str) -> CredentialReference | None:
    async with world.console.database.reading() as tx:
        found = await application_document(tx, app)
    assert found is not None
    return found.credential


async def activated(world: Running, browser: Browser) -> str:
    """The add-on page's path of an application with a key."""
    path = f"/applications/{await world.application(browser)}/add-on"
    await browser.submit(f"{path}/key", AT_OPENAI, page=path)
    world.desk.deposit()
    return path


async def test_the_page_offers_the_vaults_destinations_and_no_others(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    page = (await ada.get(path)).text
    assert "Not activated" in page
    assert page.count("<option") == 2
    answer = await ada.submit(f"{path}/key", {"destination": "openai https://evil.example"}, page=path)
    assert answer.status_code == 422
    assert world.desk.tickets == []


async def test_the_words_of_the_sealing_keys_stand_beside_every_way_to_the_vaults_page(
    world: Running, ada: Browser
) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    assert (await ada.get(path)).text.count(f">{SEALING_WORDS}</code>") == 1
    await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    world.desk.deposit()
    assert (await ada.get(path)).text.count(f">{SEALING_WORDS}</code>") == 3  # stage, replace, or another


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        (DepositApproval.NOT_NEEDED, ""),
        (DepositApproval.NEEDED, "must approve each key on the vault’s page with a passkey"),
        (DepositApproval.IMPOSSIBLE, "and nobody is enrolled"),
    ],
)
async def test_the_page_says_beside_each_way_whether_a_passkey_must_approve(
    world: Running, ada: Browser, approval: DepositApproval, words: str
) -> None:
    path = await activated(world, ada)
    world.desk.approval = approval
    page = (await ada.get(path)).text
    assert page.count(words) == 3 if words else "passkey" not in page


async def test_entering_a_key_leads_to_the_vaults_page_with_a_ticket(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/add-on"
    answer = await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    ticket = world.desk.tickets[0]
    assert (answer.status_code, answer.headers["location"]) == (303, ticket.deposit_url)
    asked = world.desk.asked[0]
    assert (asked.application, asked.application_name, asked.origin) == (app, "Larkspur", OPENAI.origin)
    assert (asked.organization_name, asked.credential) == ("Analytical", None)
    assert ticket.ticket not in world.lines.getvalue()
    assert "Waiting for the key" in (await ada.get(path)).text
    found = await reference(world, app)
    assert found == CredentialReference(ticket.credential, "openai", OPENAI.origin)


async def test_after_the_deposit_the_page_shows_the_masked_key_and_who_sealed_it(
    world: Running, ada: Browser
) -> None:
    page = (await ada.get(await activated(world, ada))).text
    for word in ("Active", "7f3Q", "3f9a-77c1-20be", "by Ada", "2023-11-14T22:13:20Z", OPENAI.origin):
        assert word in page


async def test_the_password_is_asked_for_again_after_ten_minutes(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    world.clock.now_s += 601
    asked = await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    assert asked.status_code == 403
    assert f'name="destination" value="openai {OPENAI.origin}"' in asked.text
    assert world.desk.tickets == []
    wrong = await ada.submit(f"{path}/key", {**AT_OPENAI, "password": "not this one"}, page=path)
    assert wrong.status_code == 422
    assert "not this one" not in wrong.text
    assert world.desk.tickets == []
    right = await ada.submit(f"{path}/key", {**AT_OPENAI, "password": PASSWORD}, page=path)
    assert right.status_code == 303
    again = await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    assert again.status_code == 303


async def test_guessing_the_password_again_is_slowed(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    world.clock.now_s += 601
    token = await ada.form_token(path)
    for _ in range(10):
        await ada.post(f"{path}/key", {**AT_OPENAI, "password": "wrong", "form_token": token})
    slowed = await ada.post(f"{path}/key", {**AT_OPENAI, "password": PASSWORD, "form_token": token})
    assert "too many tries" in slowed.text


async def test_a_replacement_for_the_same_destination_keeps_the_credential(
    world: Running, ada: Browser
) -> None:
    path = await activated(world, ada)
    first = world.desk.tickets[0].credential
    await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    assert world.desk.asked[1].credential == first
    assert world.desk.deposit("9zzz").version == 2
    assert "9zzz" in (await ada.get(path)).text


async def test_a_key_for_another_destination_takes_over_only_when_it_is_sealed(
    world: Running, ada: Browser
) -> None:
    path = await activated(world, ada)
    app, first = path.split("/")[2], world.desk.tickets[0].credential
    await ada.submit(f"{path}/key", IN_EUROPE, page=path)
    second = world.desk.tickets[1].credential
    assert "is awaited" in (await ada.get(path)).text
    assert await reference(world, app) == CredentialReference(first, "openai", OPENAI.origin)
    world.desk.deposit("eeee")
    assert "is awaited" not in (await ada.get(path)).text
    assert await reference(world, app) == CredentialReference(second, "openai", EUROPE.origin)
    assert "Other sealed keys" in (await ada.get(path)).text


@pytest.mark.parametrize("destination", [AT_OPENAI, IN_EUROPE], ids=["same", "other"])
async def test_another_key_is_a_credential_of_its_own_and_takes_nothing_over(
    world: Running, ada: Browser, destination: dict[str, str]
) -> None:
    path = await activated(world, ada)
    app, first = path.split("/")[2], world.desk.tickets[0].credential
    assert (await ada.submit(f"{path}/key", {**destination, "another": "yes"}, page=path)).status_code == 303
    assert world.desk.asked[1].credential is None
    second = world.desk.tickets[1].credential
    assert "is awaited" not in (await ada.get(path)).text
    world.desk.deposit("eeee")
    page = (await ada.get(path)).text
    assert second in page
    assert "Not used" in page
    assert await reference(world, app) == CredentialReference(first, "openai", OPENAI.origin)


async def test_a_first_key_cannot_be_another(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/add-on"
    refused = await ada.submit(f"{path}/key", {**AT_OPENAI, "another": "yes"}, page=path)
    assert "a credential of its own beside the one in use" in refused.text
    assert world.desk.tickets == []


async def test_the_page_shows_the_sources_and_which_keys_they_use(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    await ada.submit(f"{path}/key", {**IN_EUROPE, "another": "yes"}, page=path)
    world.desk.deposit("eeee")
    second = world.desk.tickets[1].credential
    other = Source(credential=second, provider="openai", origin=EUROPE.origin, rank=2, weight=7)
    async with world.console.database.writing() as tx:
        application = await tx.get_one(Application, path.split("/")[2])
        policy = decode_policy(application.policy)
        application.policy = encode_policy(msgspec.structs.replace(policy, sources=(Source(), other)))
    page = (await ada.get(path)).text
    assert "Rank 1, weight 1" in page
    assert "Rank 2, weight 7" in page
    assert "A source" in page


async def test_a_ticket_taken_earlier_and_used_later_still_counts(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/add-on"
    await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    world.desk.tickets.pop()
    world.desk.asked.pop()
    row = world.desk.deposit()
    await ada.get(path)
    found = await reference(world, app)
    assert found is not None
    assert found.credential == row.credential


async def test_revoking_needs_the_applications_name(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    credential = world.desk.tickets[0].credential
    page = f"{path}/revoke?credential={credential}"
    told = (await ada.get(page)).text
    assert "Delete it there too" in told
    wrong = await ada.submit(f"{path}/revoke", {"credential": credential, "typed_name": "Lark"}, page=page)
    assert wrong.status_code == 422
    assert world.desk.rows[credential].state is CredentialState.ACTIVE
    right = await ada.submit(
        f"{path}/revoke", {"credential": credential, "typed_name": "Larkspur"}, page=page
    )
    assert right.status_code == 303
    assert world.desk.rows[credential].state is CredentialState.REVOKED
    after = (await ada.get(path)).text
    assert "Key revoked" in after
    assert "at your provider too" in after
    assert (await ada.get(page)).status_code == 404


async def test_revoking_asks_for_the_password_again(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    credential = world.desk.tickets[0].credential
    world.clock.now_s += 601
    page = f"{path}/revoke?credential={credential}"
    fields = {"credential": credential, "typed_name": "Larkspur"}
    assert (await ada.submit(f"{path}/revoke", fields, page=page)).status_code == 403
    assert world.desk.rows[credential].state is CredentialState.ACTIVE


async def test_anothers_credential_cannot_be_revoked(world: Running, ada: Browser) -> None:
    await activated(world, ada)
    credential = world.desk.tickets[0].credential
    other = f"/applications/{await world.application(ada, 'Other')}/add-on"
    fields = {"credential": credential, "typed_name": "Other"}
    assert (await ada.submit(f"{other}/revoke", fields, page=other)).status_code == 404
    assert world.desk.rows[credential].state is CredentialState.ACTIVE


async def test_switching_off_and_on_is_told_to_proxies(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    for way, active in (("off", False), ("on", True)):
        await ada.submit(f"{path}/{way}", {}, page=path)
        async with world.console.database.reading() as tx:
            found = await application_document(tx, path.split("/")[2])
        assert found is not None
        assert found.active is active


async def test_without_the_vault_the_pages_work_and_say_so(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    token = await ada.form_token(path)
    await world.desk.server.close()
    while world.console.desk.connected:
        await asyncio.sleep(0)
    page = await ada.get(path)
    assert page.status_code == 200
    assert "The vault cannot be reached now" in page.text
    assert "Switch off" in page.text
    for there in ("/applications", path.removesuffix("/add-on")):
        assert (await ada.get(there)).status_code == 200
    refused = await ada.post(f"{path}/key", {**AT_OPENAI, "form_token": token})
    assert refused.status_code == 503
    assert "Nothing was changed" in refused.text
    off = await ada.post(f"{path}/off", {"form_token": token})
    assert off.status_code == 303


async def test_what_the_vault_refuses_is_shown_in_its_own_words(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    world.desk.refusal = Refusal(code="damaged", message="the vault does not trust this", hint="Restore it.")
    page = await ada.get(path)
    assert page.status_code == 200
    assert "the vault does not trust this" in page.text
    assert "Restore it." in page.text


@pytest.mark.parametrize("base", ["https://evil.example/deposit", "https://vault.test.evil.example/deposit"])
async def test_a_ticket_for_another_address_is_not_followed(world: Running, ada: Browser, base: str) -> None:
    world.desk.deposit_base = base
    path = f"/applications/{await world.application(ada)}/add-on"
    answer = await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    assert answer.status_code == 422
    assert "location" not in answer.headers
