"""Erasure in the console: said before, done by the vault, resumed after an interruption, with its receipt."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

import httpx
import pytest

from sealgate.console.accounts.models import Organization
from sealgate.console.addon.models import Addon
from sealgate.console.erasure.models import ErasureOrder
from sealgate.console.feed.services import application_document
from sealgate.console.invitations import make_owner_invitation
from sealgate.ids import new_id
from sealgate.messages.erasing import AskReceipts, Erase, ErasureKind
from sealgate.messages.frames import Refusal, RefusedError
from tests.console.lived import everything, lived_in
from tests.console.running import Browser, Running, running
from tests.console.test_addon import AT_OPENAI, IN_EUROPE


async def erase_application(
    world: Running, ada: Browser, name: str = "Larkspur"
) -> tuple[str, httpx.Response]:
    parts = await lived_in(world, ada)
    path = f"/applications/{parts['application']}/erase"
    answer = await ada.submit(path, {"typed_name": name})
    assert answer.status_code == 303, answer.text
    return parts["application"], answer


async def the_order(world: Running, subject: str) -> ErasureOrder | None:
    async with world.console.database.reading() as tx:
        return await tx.get(ErasureOrder, subject)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


async def test_the_page_says_what_is_destroyed_what_stays_and_when_it_is_final(
    world: Running, ada: Browser
) -> None:
    parts = await lived_in(world, ada)
    credential = next(iter(world.desk.rows))
    root = f"/applications/{parts['application']}"
    for path in (f"{root}/erase", f"{root}/add-on/erase?credential={credential}", "/erasures/organization"):
        page = (await ada.get(path)).text
        for words in ("There is no way back", "At once", "Final", "receipt", "record of changes", "provider"):
            assert words in page, (path, words)


async def test_an_application_is_erased_and_the_receipt_shown(world: Running, ada: Browser) -> None:
    app, answer = await erase_application(world, ada)
    row = world.desk.erasures[app]
    assert answer.headers["location"] == f"/erasures/{row.receipt}?notice=erased"
    page = (await ada.get(f"/erasures/{row.receipt}")).text
    assert "Erased, not final yet" in page
    assert "The KEK file-1 still exists" in page
    assert "sealgate vault verify-receipt" in page
    told = await ada.get(f"/erasures/{row.receipt}/receipt.json")
    assert told.headers["content-disposition"] == f'attachment; filename="sealgate-{row.receipt}.json"'
    assert told.json()["signature"] == "AA"


async def test_what_goes_here_goes_and_what_stays_is_what_the_page_says(world: Running, ada: Browser) -> None:
    app, _answer = await erase_application(world, ada)
    found = everything(world)
    for table in ("addons", "origins", "session_keys", "tickets_asked", "probes"):
        assert not [row for row in found[table] if app in row], table
    assert any(app in row for row in found["usage"])
    assert any(app in row and "application.created" in row for row in found["audit"])
    assert (await ada.get(f"/applications/{app}")).status_code == 404
    assert "Larkspur" not in (await ada.get("/applications")).text
    assert "Larkspur" in (await ada.get("/usage")).text
    assert f'href="/applications/{app}"' not in (await ada.get("/audit")).text
    async with world.console.database.reading() as tx:
        assert await application_document(tx, app) is None
    await world.application(ada)  # its name is free again


async def test_proxies_are_told_of_an_erased_application(world: Running, ada: Browser) -> None:
    app, _answer = await erase_application(world, ada)
    with contextlib.closing(sqlite3.connect(world.console.config.database_path)) as database:
        last = database.execute("select application_id from changes order by cursor desc limit 1").fetchone()
    assert last == (app,)


@pytest.mark.parametrize("path", ["/erase", "/add-on/erase"])
async def test_a_wrong_name_erases_nothing(world: Running, ada: Browser, path: str) -> None:
    parts = await lived_in(world, ada)
    credential = next(iter(world.desk.rows))
    root = f"/applications/{parts['application']}"
    fields = {"typed_name": "larkspur", "credential": credential}
    answer = await ada.submit(root + path, fields, page=f"{root}/erase")
    assert answer.status_code == 422
    assert "This is not the application’s name." in answer.text
    assert not any(isinstance(each, Erase) for each in world.desk.heard)
    assert await the_order(world, parts["application"]) is None


async def test_a_credential_is_erased_and_the_add_on_goes_on_without(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    root = f"/applications/{app}"
    await ada.submit(f"{root}/add-on/key", AT_OPENAI, page=f"{root}/add-on")
    credential = world.desk.deposit().credential
    page = f"{root}/add-on/erase?credential={credential}"
    answer = await ada.submit(
        f"{root}/add-on/erase", {"credential": credential, "typed_name": "Larkspur"}, page=page
    )
    assert answer.headers["location"].startswith("/erasures/rcpt_")
    assert "Not activated" in (await ada.get(f"{root}/add-on")).text
    assert not [row for row in everything(world)["tickets_asked"] if credential in row]
    assert "had erased for good the credential for" in (await ada.get("/audit")).text


async def test_what_was_awaited_for_another_destination_takes_the_place_of_the_erased(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    root = f"/applications/{app}"
    await ada.submit(f"{root}/add-on/key", AT_OPENAI, page=f"{root}/add-on")
    credential = world.desk.deposit().credential
    await ada.submit(f"{root}/add-on/key", IN_EUROPE, page=f"{root}/add-on")
    fields = {"credential": credential, "typed_name": "Larkspur"}
    await ada.submit(f"{root}/add-on/erase", fields, page=f"{root}/erase")
    async with world.console.database.reading() as tx:
        addon = await tx.get_one(Addon, app)
    assert (addon.credential, addon.next_credential) == (world.desk.tickets[-1].credential, None)


async def test_an_organization_is_erased_and_takes_no_application_any_more(
    world: Running, ada: Browser
) -> None:
    await lived_in(world, ada)
    await ada.submit("/erasures/organization", {"typed_name": "Analytical"})
    assert list(world.desk.erasures.values())[-1].kind is ErasureKind.ORGANIZATION
    found = everything(world)
    assert found["addons"] == found["session_keys"] == found["invitations"] == []
    refused = await ada.submit("/applications", {"name": "Another"}, page="/applications/new")
    assert refused.status_code == 422
    assert "erased for good" in refused.text
    listed = (await ada.get("/erasures")).text
    assert "Organization: Analytical" in listed
    assert "sealgate console invite-owner" in listed


async def test_after_an_erasure_an_operator_makes_another_organization(world: Running, ada: Browser) -> None:
    await ada.submit("/erasures/organization", {"typed_name": "Analytical"})
    await asyncio.to_thread(make_owner_invitation, world.console.config)
    organizations = everything(world)["organizations"]
    assert len(organizations) == 2


async def test_with_the_vault_away_nothing_is_ordered(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await world.desk.server.close()
    await until(lambda: not world.console.desk.connected)
    answer = await ada.submit(f"/applications/{app}/erase", {"typed_name": "Larkspur"})
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.text
    assert await the_order(world, app) is None
    assert (await ada.get(f"/applications/{app}")).status_code == 200


@pytest.mark.parametrize("lost", ["the order", "the answer"])
async def test_a_vault_that_goes_away_in_the_middle_is_asked_again_and_nothing_is_half_done(
    lost: str,
) -> None:
    async with running(handing_over=False) as world:
        await world.owner()
        ada = await world.signed_in()
        parts = await lived_in(world, ada)
        app = parts["application"]
        world.desk.hangs_at, world.desk.drops_at = (Erase, None) if lost == "the order" else (None, Erase)
        path = f"/applications/{app}/erase"
        posted = asyncio.create_task(ada.submit(path, {"typed_name": "Larkspur"}))
        await until(lambda: any(isinstance(each, Erase) for each in world.desk.heard))
        await world.desk.server.close()
        answer = await posted
        assert answer.headers["location"] == "/erasures?notice=erasure-ordered"
        page = (await ada.get("/erasures?notice=erasure-ordered")).text
        assert "Ordered, vault away" in page
        assert "It is asked again until it does" in page
        assert (await ada.get(f"/applications/{app}")).status_code == 200, "whole until the vault answers"
        world.desk.hangs_at = world.desk.drops_at = None
        await world.desk.server.start()
        await world.console.desk.wait_connected()
        assert await world.console.erasing.look() is False
        order = await the_order(world, app)
        assert order is not None
        assert order.receipt == world.desk.erasures[app].receipt
        assert len([row for row in world.desk.erasures.values() if row.subject == app]) == 1
        assert (await ada.get(f"/applications/{app}")).status_code == 404


async def test_a_console_that_died_goes_on_at_its_next_start(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    organization = everything(world)["organizations"][0][0]
    async with world.console.database.writing() as tx:  # all that a console killed now leaves
        tx.add(
            ErasureOrder(
                subject=app,
                kind="application",
                organization_id=organization,
                application_id=app,
                name="Larkspur",
                ordered_at=world.clock(),
            )
        )
    await until(lambda: app in world.desk.erasures)
    await until(lambda: any(app in row and "application.erased" in row for row in everything(world)["audit"]))


async def test_a_refusal_of_the_vault_takes_the_order_back(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    world.desk.refuse_erasure = Refusal(
        code="damaged", message="the vault does not trust this", hint="Restore it."
    )
    answer = await ada.submit(f"/applications/{app}/erase", {"typed_name": "Larkspur"})
    assert answer.status_code == 422
    assert "the vault does not trust this" in answer.text
    assert await the_order(world, app) is None
    assert "damaged" in (await ada.get("/audit")).text
    assert (await ada.get(f"/applications/{app}")).status_code == 200


async def test_an_order_that_waits_outlives_a_vault_whose_disk_is_full(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    organization = everything(world)["organizations"][0][0]
    world.desk.refuse_erasure = Refusal(code="vault_unavailable", message="the disk is full")
    async with world.console.database.writing() as tx:
        tx.add(
            ErasureOrder(
                subject=app,
                kind="application",
                organization_id=organization,
                application_id=app,
                name="Larkspur",
                ordered_at=world.clock(),
            )
        )
    assert await world.console.erasing.look() is True
    assert await the_order(world, app) is not None
    world.desk.refuse_erasure = None
    assert await world.console.erasing.look() is False
    assert app in world.desk.erasures


async def test_an_order_that_was_taken_back_is_not_carried_out_by_what_runs_beside() -> None:
    async with running(handing_over=False) as world:
        await world.owner()
        ada = await world.signed_in()
        app = await world.application(ada)
        later = world.desk.answers_later = asyncio.get_running_loop().create_future()
        path = f"/applications/{app}/erase"
        posted = asyncio.create_task(ada.submit(path, {"typed_name": "Larkspur"}))
        await until(lambda: any(isinstance(each, Erase) for each in world.desk.heard))
        looking = asyncio.create_task(world.console.erasing.look())
        assert (await asyncio.wait({looking}, timeout=0.3))[0] == set(), "it waits for its turn"
        later.set_exception(RefusedError(Refusal(code="damaged", message="the vault does not trust this")))
        assert (await posted).status_code == 422
        assert await looking is False
        assert len([each for each in world.desk.heard if isinstance(each, Erase)]) == 1
        assert await the_order(world, app) is None
        assert app not in world.desk.erasures


async def test_what_an_operator_had_erased_at_the_vault_goes_here_too(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    organization = str(everything(world)["organizations"][0][0])
    world.desk.erase(Erase(kind=ErasureKind.APPLICATION, subject=app, organization=organization))
    await world.desk.server.close()
    await until(lambda: not world.console.desk.connected)
    await world.desk.server.start()
    await until(lambda: any(app in row and "application.erased" in row for row in everything(world)["audit"]))
    assert "by an operator, at the vault" in (await ada.get("/erasures")).text


async def test_every_order_stands_in_the_record_with_who_gave_it(world: Running, ada: Browser) -> None:
    await erase_application(world, ada)
    page = (await ada.get("/audit")).text
    assert "ordered the erasure for good of the" in page
    assert "had erased for good the application" in page


async def test_another_organizations_receipt_is_not_there(world: Running, ada: Browser) -> None:
    app, _answer = await erase_application(world, ada)
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    for receipt in (world.desk.erasures[app].receipt, new_id("rcpt"), "rcpt_no"):
        assert (await eve.get(f"/erasures/{receipt}")).status_code == 404
        assert (await eve.get(f"/erasures/{receipt}/receipt.json")).status_code == 404
    assert "Larkspur" not in (await eve.get("/erasures")).text


async def test_the_list_is_told_without_the_vault_too(world: Running, ada: Browser) -> None:
    await erase_application(world, ada)
    world.desk.hangs_at = AskReceipts
    await world.desk.server.close()
    page = (await ada.get("/erasures")).text
    assert "The vault cannot be reached now" in page
    assert "Application: Larkspur" in page


async def test_past_its_day_and_not_final_is_said(world: Running, ada: Browser) -> None:
    app, _answer = await erase_application(world, ada)
    world.clock.now_s = world.desk.erasures[app].final_by + 1
    ada = await world.signed_in()
    assert "Its day is past" in (await ada.get("/erasures")).text
    assert (
        "Tell the vault’s operators" in (await ada.get(f"/erasures/{world.desk.erasures[app].receipt}")).text
    )


async def test_the_erased_organization_is_marked_once(world: Running, ada: Browser) -> None:
    await ada.submit("/erasures/organization", {"typed_name": "Analytical"})
    assert (await ada.get("/erasures/organization")).headers["location"] == "/erasures"
    async with world.console.database.reading() as tx:
        organization = await tx.get_one(Organization, str(everything(world)["organizations"][0][0]))
    assert organization.erased_at == world.clock()
