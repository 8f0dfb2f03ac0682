"""The vault's port for operators: what it shows, and what it never shows."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.messages.client import Client
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.frames import PROTOCOL, Hello, RefusedError
from sealgate.messages.opening import OpeningReply
from sealgate.vault import status_page
from sealgate.vault.config import VaultConfig
from sealgate.vault.key_listing import PAGE_ORGANIZATIONS
from sealgate.vault.process import OPENER_SOCKET
from sealgate.vault.quotas import ProxyRule, QuotaState
from tests.vault.admin_looks import Words, look, look_anew, metric, words
from tests.vault.deployment import Addresses, Clock, Deployment, canary_key, running, vault_config

DAY_S = 86_400


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        look_anew(deployment)
        yield deployment


async def status(vault: Deployment) -> Any:
    return (await look(vault, "/status.json")).json["status"]


async def listed(vault: Deployment, query: str = "") -> Any:
    return (await look(vault, f"/status.json{query}")).json["sealing_keys"]


async def test_a_vault_that_is_well_is_ready(vault: Deployment) -> None:
    answer = await look(vault, "/readyz")
    assert answer.status == 200
    assert answer.json == {"ready": True, "database": "ok", "anchor": "ok", "kek": "ok"}
    assert (await look(vault, "/healthz")).json == {"status": "ok"}
    assert "Vault ready" in await words(vault)


async def test_it_counts_what_happened_since_its_start(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    await vault.open(at, credential)
    await vault.open(at, credential)
    with pytest.raises(RefusedError):
        await vault.open(at, new_id("cred"))
    await vault.view("A" * 43)
    counters = (await status(vault))["counters"]
    assert (counters["opens"], counters["deposits"], counters["tickets_issued"]) == (2, 1, 1)
    assert counters["open_refusals"] == {"no_credential": 1}
    assert counters["ticket_refusals"] == {"unknown": 1}
    assert await metric(vault, "opens_total") == 2
    assert await metric(vault, 'refusals_total{of="open",code="no_credential"}') == 1
    assert "Keys opened for proxies 2" in await words(vault)


async def test_it_counts_what_stands_in_the_database(vault: Deployment, at: Addresses) -> None:
    for _ in range(2):
        credential = await vault.sealed_key(at, canary_key())
    await vault.revoke(at, credential)
    stored = (await status(vault))["stored"]
    assert (stored["organizations"], stored["credentials_active"], stored["credentials_revoked"]) == (1, 1, 1)
    assert await metric(vault, 'credentials{state="revoked"}') == 1


async def test_it_shows_each_sealing_key_with_its_age_and_when_the_next_ones_come(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    await vault.sealed_key(at, canary_key())
    made_at = clock.now_s
    clock.now_s += 3 * DAY_S
    (shown,) = (await listed(vault))["items"]
    assert (shown["organization"], shown["verifies"]) == (at.organization, True)
    assert shown["next_epoch_at"] == made_at + 90 * DAY_S
    (epoch,) = shown["epochs"]
    assert [pair["suite"] for pair in epoch["pairs"]] == ["1", "1p"]
    assert sum(pair["envelopes"] for pair in epoch["pairs"]) == 1
    text = await words(vault)
    assert epoch["words"] == (await vault.list(at)).sealing_words
    assert epoch["words"] in text
    assert "New keys: in 87 days" in text
    assert "3 days" in text


async def test_a_rotated_organization_shows_its_epochs_the_newest_first(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    await vault.sealed_key(at, canary_key())
    vault.vault._stores.keyring.rotate(at.organization, clock.now_s)
    (shown,) = (await listed(vault))["items"]
    assert shown["epochs"][0]["epoch"] == 2


@pytest.mark.parametrize(("days", "said"), [(0.0, "only when asked for"), (1e-9, "due now")])
async def test_it_says_when_new_sealing_keys_are_due(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path, at: Addresses, days: float, said: str
) -> None:
    async with running(vault_config(folder, sealing_key_days=days), clock, log, assets) as vault:
        await vault.sealed_key(at, canary_key())
        clock.now_s += 1
        vault.vault._epochs._stuck.add(at.organization)  # the pass must not be quicker than we look
        assert f"New keys: {said}" in await words(vault)


async def test_many_organizations_come_a_page_at_a_time_and_one_can_be_looked_for(vault: Deployment) -> None:
    everybody = sorted(new_id("org") for _ in range(PAGE_ORGANIZATIONS + 3))
    for organization in everybody:
        await vault.ticket(Addresses(organization=organization))
    first = await listed(vault)
    assert (first["total"], len(first["items"])) == (len(everybody), PAGE_ORGANIZATIONS)
    second = await listed(vault, f"?after={first['after']}")
    assert second["after"] == ""
    assert [each["organization"] for page in (first, second) for each in page["items"]] == everybody
    assert f"/?after={first['after']}" in Words(await look(vault, "/")).addresses
    assert "/" in Words(await look(vault, f"/?after={first['after']}")).addresses
    (only,) = (await listed(vault, f"?organization={everybody[7]}"))["items"]
    assert only["organization"] == everybody[7]


@pytest.mark.parametrize("asked", ["org_nobody", "<script>alert(1)</script>", "%", "x" * 5000, "\x00"])
async def test_an_organization_that_was_never_seen_is_told_and_not_repeated_as_markup(
    vault: Deployment, asked: str
) -> None:
    answer = await look(vault, f"/?organization={quote(asked)}")
    assert answer.status == 200
    page = Words(answer)
    assert "has never seen" in page.text
    assert "script" not in page.tags
    assert len(answer.body) < 20_000


async def test_before_the_first_ticket_it_says_what_will_be_there(vault: Deployment) -> None:
    assert "gets its sealing keys with its first ticket" in await words(vault)


async def test_an_edited_keyring_is_shown_as_damaged_and_raises_its_alarm(
    vault: Deployment, at: Addresses
) -> None:
    await vault.sealed_key(at, canary_key())
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE keyring SET made_at = 1")
    (shown,) = (await listed(vault))["items"]
    assert (shown["verifies"], shown["epochs"]) == (False, [])
    assert "edited outside the vault" in await words(vault)
    assert "look into the log now" in await words(vault)
    assert (await status(vault))["counters"]["alarms"]["alarm_row"] > 0


async def test_it_shows_who_is_connected_and_no_name_that_is_not_one(
    vault: Deployment, config: VaultConfig
) -> None:
    there = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=config.instance, process="<b>me</b>")
    stranger = Client(config.runtime_dir / OPENER_SOCKET, hello, OpeningReply, on_connected=there.set)
    task = asyncio.create_task(stranger.run())
    await asyncio.wait_for(there.wait(), 5)
    proxies, console = (await status(vault))["sockets"]
    assert (proxies["socket"], proxies["count"]) == ("proxies", 2)
    assert "unnamed" in proxies["peers"]
    assert console == {"socket": "console", "peers": ["console"], "count": 1}
    assert "<b>me" not in (await look(vault, "/")).body.decode()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_with_nobody_connected_and_with_very_many_it_says_so(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.messages.server.Server.peers", ())
    assert "proxies 0 nobody" in await words(vault)
    monkeypatch.setattr("sealgate.messages.server.Server.peers", tuple(f"prx_{n}" for n in range(500)))
    text = await words(vault)
    assert "and 480 more" in text
    assert await metric(vault, 'connected{socket="proxies"}') == 500


async def test_nothing_secret_and_nobodys_name_is_on_any_of_its_pages(
    vault: Deployment, at: Addresses, config: VaultConfig
) -> None:
    key = canary_key()
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    await vault.deposit(issued.ticket, key)
    await vault.open(at, issued.credential)
    kek = (config.data_dir / "kek").read_text().split()[1]
    database = vault.vault._foundation.database
    stored = [
        cell
        for table in ("keyring", "peppers", "versions", "tickets", "root")
        for row in database._driver.execute(f"SELECT * FROM {table}")
        for cell in row
        if isinstance(cell, bytes) and len(cell) > 16
    ]
    names = (seen["organization"]["name"], seen["application"]["name"], at.application, issued.credential)
    for path in ("/", "/status.json", "/metrics", "/readyz", "/healthz"):
        body = (await look(vault, path)).body
        for secret in (key, key[-4:], kek.encode(), issued.ticket.encode(), *(n.encode() for n in names)):
            assert secret not in body, path
        for raw in stored:
            assert raw not in body
            assert raw.hex().encode() not in body


async def test_the_metrics_name_no_organization_and_no_process(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    text = (await look(vault, "/metrics")).body.decode()
    assert "org_" not in text
    assert "prx_" not in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(name.startswith("sealgate_vault_") for name in names)


async def test_an_edited_database_makes_no_new_series(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE credentials SET state = 'x\" 1\n'")
    assert await metric(vault, 'credentials{state="active"}') == 0
    assert 'state="x' not in (await look(vault, "/metrics")).body.decode()


async def test_the_page_runs_no_script_and_asks_nobody_else(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    answer = await look(vault, "/")
    page = Words(answer)
    assert not page.tags & {"script", "iframe", "object", "embed", "style"}
    assert not {name for name in page.names if name.startswith("on") or name == "style"}
    assert all(address.startswith("/") and not address.startswith("//") for address in page.addresses)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    for address in ("/assets/status.css", "/assets/seal.svg"):
        assert address in page.addresses
        assert (await look(vault, address)).status == 200


async def test_it_shows_every_kek_version_and_how_far_a_change_has_come(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vault.sealed_key(at, canary_key())
    changes = vault.vault._kek_changes

    async def full(*_words: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("sealgate.vault.rewrapping.Rewrapping._batch", full)
        await changes.rotate("")
        while changes.fault != "OSError":
            await asyncio.sleep(0)
        ring = (await status(vault))["kek"]
        assert [each["state"] for each in ring["versions"]] == ["live", "current"]
        assert (ring["rewrapping"], ring["fault"], ring["left"] > 0) == (True, "OSError", True)
        text = await words(vault)
        assert "are still wrapped by another than the current one" in text
        assert "The last try ended with OSError" in text
        assert await metric(vault, "kek_rewrapping") == 1
    changes._again_after_s = 0.0
    changes._task.cancel()  # type: ignore[union-attr]
    await asyncio.gather(changes._task, return_exceptions=True)  # type: ignore[arg-type]
    changes.resume()
    await changes.settled()
    assert await metric(vault, "kek_rows_left") == 0


@pytest.mark.parametrize(("in_s", "said"), [(7 * DAY_S, "final on"), (-DAY_S, "final since")])
async def test_a_destroyed_kek_is_shown_with_the_day_on_which_that_is_final(
    vault: Deployment, clock: Clock, in_s: float, said: str
) -> None:
    old = vault.vault._foundation.kek.version
    await vault.vault._kek_changes.rotate("")
    await vault.vault._kek_changes.settled()
    vault.vault._foundation.keks.mark(old, "destroyed", clock.now_s + in_s)
    text = await words(vault)
    assert "key destroyed" in text
    assert said in text


async def test_it_says_what_the_check_of_all_rows_found(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    await vault.sealed_key(at, canary_key())
    assert "Every row checked not once since the start" in await words(vault)
    pieces = vault.vault._checking.pieces()
    next(pieces)
    assert "rows of the present round" in await words(vault)
    list(pieces)
    assert "Damaged rows none" in await words(vault)
    assert await metric(vault, "rows_checked_timestamp_seconds") == clock.now_s
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE peppers SET ciphertext = x'00'")
    list(vault.vault._checking.pieces())
    assert await metric(vault, "rows_damaged") == 1
    assert "1: sealgate vault check names them" in await words(vault)


async def test_it_says_whether_two_administrators_can_approve(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Two administrators can approve no" in await words(vault)
    monkeypatch.setattr("sealgate.vault.administrators.Administrators.are_two", True)
    assert (await status(vault))["two_administrators"] is True
    assert "Two administrators can approve yes" in await words(vault)


async def test_an_erasure_is_counted(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    await vault.ask(
        Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization, organization=at.organization), Erased
    )
    assert await metric(vault, "erasures_total") == 1
    assert (await listed(vault, f"?organization={at.organization}"))["items"] == []


async def test_the_page_tells_what_each_proxys_quota_has_left_and_how_the_audit_stands(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path, at: Addresses
) -> None:
    rules = (ProxyRule(uid=os.geteuid(), name="newsletter", opens_per_minute=2),)
    async with running(msgspec.structs.replace(config, proxies=rules), clock, log, assets) as vault:
        credential = await vault.sealed_key(at, canary_key())
        for _ in range(2):
            await vault.open(at, credential)
        with pytest.raises(RefusedError, match="quota"):
            await vault.open(at, credential)
        vault.vault._audit.flush()
        found = await status(vault)
        uid = os.geteuid()
        (quota,) = (each for each in found["quotas"] if each["uid"] == uid)
        assert (quota["name"], quota["quota"], quota["used"], quota["refused"]) == ("newsletter", 2, 2, 1)
        assert found["audit"]["entries"] >= 3
        assert (found["audit"]["waiting"], found["audit"]["behind"], found["audit"]["counted"]) == (
            0,
            False,
            0,
        )
        page = (await look(vault, "/")).body.decode()
        assert "<h2>Quotas</h2>" in page
        assert "newsletter" in page
        metrics = (await look(vault, "/metrics")).body.decode()
        assert f'sealgate_vault_open_quota_refused{{uid="{uid}"}} 1\n' in metrics
        assert f"sealgate_vault_audit_entries {found['audit']['entries']}\n" in metrics
        clock.now_s += 60
        (quota,) = (each for each in (await status(vault))["quotas"] if each["uid"] == uid)
        assert (quota["used"], quota["refused"]) == (0, 0), "a new minute"


def test_a_proxy_without_a_name_or_with_a_list_is_shown_as_that() -> None:
    state = QuotaState(uid=7, name="", organizations=3, quota=60, used=0, refused=0)
    shown = status_page._quotas((state,))
    assert "none given" in shown
    assert "of 3 on its list" in shown
