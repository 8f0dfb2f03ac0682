"""The vault's port for operators: what it shows, what it never shows, what it says when things go wrong."""

from __future__ import annotations

import asyncio
import http.client
import io
import os
import socket
import time
from collections.abc import AsyncIterator
from html.parser import HTMLParser
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
from sealgate.vault.audit import AuditState
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.kek import KekUnavailableError
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.key_listing import PAGE_ORGANIZATIONS
from sealgate.vault.process import OPENER_SOCKET
from sealgate.vault.quotas import ProxyRule, QuotaState
from tests.vault.deployment import (
    Addresses,
    Clock,
    Deployment,
    Page,
    canary_key,
    running,
    vault_config,
)

DAY_S = 86_400


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        # Every look asks anew, so that a test need not wait until an answer is old.
        observer = deployment.vault._admin._observer
        observer._monotonic = observer._counts._monotonic = _later
        yield deployment


_steps = iter(range(0, 10**9, 1000))


def _later() -> float:
    return float(next(_steps))


def _ask(port: int, method: str, path: str, headers: dict[str, str], at: str = "127.0.0.1") -> Page:
    connection = http.client.HTTPConnection(at, port, timeout=10)
    try:
        connection.request(method, path, None, headers)
        answer = connection.getresponse()
        return Page(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


async def look(vault: Deployment, path: str, method: str = "GET", host: str = "localhost") -> Page:
    return await asyncio.to_thread(_ask, vault.vault.admin_port, method, path, {"host": host})


async def status(vault: Deployment) -> Any:
    return (await look(vault, "/status.json")).json["status"]


async def listed(vault: Deployment, query: str = "") -> Any:
    return (await look(vault, f"/status.json{query}")).json["sealing_keys"]


async def metric(vault: Deployment, name: str) -> float:
    text = (await look(vault, "/metrics")).body.decode()
    (line,) = (line for line in text.splitlines() if line.startswith(f"sealgate_vault_{name} "))
    return float(line.rpartition(" ")[2])


class Words(HTMLParser):
    """The text of a page, and every address and handler in it."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


async def words(vault: Deployment, path: str = "/") -> str:
    return " ".join(Words(await look(vault, path)).text.split())


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
        connection.exec_driver_sql("UPDATE keyring SET made_at = 1")
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
        connection.exec_driver_sql("UPDATE credentials SET state = 'x\" 1\n'")
    assert await metric(vault, 'credentials{state="active"}') == 0
    assert 'state="x' not in (await look(vault, "/metrics")).body.decode()


@pytest.mark.parametrize("host", ["evil.example", "vault.localhost", "127.0.0.1.evil.example:80", "", "a b"])
async def test_another_host_name_gets_nothing(vault: Deployment, host: str) -> None:
    for path in ("/", "/status.json", "/metrics", "/readyz", "/healthz", "/assets/status.css", "/x"):
        answer = await look(vault, path, host=host)
        assert (answer.status, answer.code) == (421, "host_unknown")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:8707", "127.0.0.1:8707"])
async def test_its_own_host_names_are_answered(vault: Deployment, host: str) -> None:
    assert (await look(vault, "/healthz", host=host)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/readyz", "/nowhere"])
async def test_nothing_can_be_done_through_it(vault: Deployment, method: str, path: str) -> None:
    answer = await look(vault, path, method)
    assert (answer.status, answer.code) == (405, "wrong_method")


async def test_a_head_request_has_no_body(vault: Deployment) -> None:
    answer = await look(vault, "/", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/nowhere", "/assets/sealing.js", "/assets/..%2f..%2fkek", "/deposit"])
async def test_what_is_not_there_is_told_with_what_is(vault: Deployment, path: str) -> None:
    answer = await look(vault, path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "/metrics" in answer.json["error"]["hint"]


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


async def test_a_kek_that_is_away_is_said_and_does_not_hold_up_who_opens(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)

    def away(*_words: object) -> None:
        raise KekUnavailableError("timeout", "no answer")

    monkeypatch.setattr(KekRing, "check", away)
    answer = await look(vault, "/readyz")
    assert (answer.status, answer.json["kek"], answer.json["ready"]) == (503, "timeout", False)
    assert await metric(vault, "kek_usable") == 0
    text = await words(vault)
    assert "Vault not ready" in text
    assert "The KEK's keeper does not answer" in text
    assert (await vault.open(at, credential))[1] == key
    monkeypatch.undo()
    assert (await look(vault, "/readyz")).status == 200


async def test_a_kek_that_does_not_answer_at_all_is_waited_for_only_so_long(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def silent(*_words: object) -> None:
        asyncio.run_coroutine_threadsafe(over.wait(), loop).result()

    monkeypatch.setattr(KekRing, "check", silent)
    vault.vault._admin._observer._patience_s = 0.05
    vault.vault._admin._observer._healths.clear()
    answer = await look(vault, "/readyz")
    assert (answer.status, answer.json["kek"]) == (503, "no_answer")
    assert "no answer yet" in await words(vault)
    over.set()


async def test_the_keks_keeper_is_asked_once_however_many_look(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    vault.vault._admin._observer._monotonic = time.monotonic
    vault.vault._admin._observer._healths.clear()
    monkeypatch.setattr(KekRing, "check", lambda *words: asked.append(words))
    await asyncio.gather(*(look(vault, "/readyz") for _ in range(4)))
    await look(vault, "/metrics")
    assert len(asked) == 1


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


async def test_an_anchor_that_cannot_be_written_is_said(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = await vault.sealed_key(at, canary_key())

    def disk_full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealgate.vault.anchor._write_or_undo", disk_full)
    await vault.revoke(at, credential)
    answer = await look(vault, "/readyz")
    assert (answer.status, answer.json["anchor"]) == (503, "behind")
    assert "The anchor cannot be written" in await words(vault)


async def test_a_database_that_fails_is_said_on_every_page(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def fails(*_args: object) -> Any:
        raise StorageError("OperationalError")

    monkeypatch.setattr("sealgate.vault.database.Database.rows", fails)
    answer = await look(vault, "/readyz")
    assert (answer.status, answer.json["database"]) == (503, "unusable")
    for path in ("/", "/status.json", "/metrics"):
        answer = await look(vault, path)
        assert (answer.status, answer.code) == (503, "unavailable")
    assert "page_failed error=StorageError page=show_page" in log.getvalue()


async def test_an_edited_table_of_keks_is_said(vault: Deployment) -> None:
    with vault.vault._foundation.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE keks SET made_at = 1")
    answer = await look(vault, "/readyz")
    assert (answer.status, answer.json["database"]) == (503, "damaged")
    assert (await look(vault, "/")).code == "unavailable"


async def test_an_unexpected_error_is_an_answer_and_no_traceback(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(*_words: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("sealgate.vault.admin.metrics_page", broken)
    answer = await look(vault, "/metrics")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"canary" not in answer.body
    assert "canary" not in log.getvalue()
    assert "page_failed error=ZeroDivisionError page=metrics" in log.getvalue()


async def test_counting_that_takes_too_long_is_said_and_the_rest_is_shown(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> None:
        return None

    monkeypatch.setattr(vault.vault._admin._observer._counts, "get", nothing)
    assert "Counting takes longer than usual" in await words(vault)
    text = (await look(vault, "/metrics")).body.decode()
    assert "sealgate_vault_ready 1" in text
    assert "sealgate_vault_organizations" not in text


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
        connection.exec_driver_sql("UPDATE peppers SET ciphertext = x'00'")
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


async def test_memory_that_is_not_locked_is_said(vault: Deployment) -> None:
    vault.vault._stores.arena.locked = False
    assert "not locked: raise RLIMIT_MEMLOCK" in await words(vault)
    assert await metric(vault, "memory_locked") == 0


async def test_an_erasure_is_counted(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    await vault.ask(
        Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization, organization=at.organization), Erased
    )
    assert await metric(vault, "erasures_total") == 1
    assert (await listed(vault, f"?organization={at.organization}"))["items"] == []


async def test_a_taken_port_for_operators_is_named_with_its_setting(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = vault_config(folder, admin_port=taken.getsockname()[1])
        with pytest.raises(StartError, match=r"hint: .*vault\.admin_port") as refused:
            async with running(config, clock, log, assets):
                pass
    assert refused.value.code == "port_taken"


async def test_a_style_sheet_that_was_not_built_is_told_at_start(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    (assets / "status.css").unlink()
    with pytest.raises(StartError, match="make web"):
        async with running(config, clock, log, assets):
            pass


async def test_it_listens_on_the_other_loopback_too(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    async with running(vault_config(folder, admin_host="::1"), clock, log, assets) as vault:
        answer = await asyncio.to_thread(
            _ask, vault.vault.admin_port, "GET", "/readyz", {"host": "localhost"}, at="::1"
        )
        assert answer.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "vault.example"])
def test_it_cannot_be_made_to_listen_beyond_this_machine(folder: Path, host: str) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(folder, admin_host=host)


def test_a_port_that_there_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(folder, admin_port=70_000)


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


def test_an_audit_that_is_behind_or_was_edited_is_said_loudly_on_the_page() -> None:
    state = AuditState(entries=7, waiting=12, behind=True, counted=3, checked_at=0.0, findings=0)
    behind = status_page._audit(state)
    assert "12: the disk is full?" in behind
    assert "not once since the start" in behind
    edited = msgspec.structs.replace(state, checked_at=1_800_000_000.0, findings=2, behind=False)
    assert "2: sealgate vault audit --check names them" in status_page._audit(edited)


def test_a_proxy_without_a_name_or_with_a_list_is_shown_as_that() -> None:
    state = QuotaState(uid=7, name="", organizations=3, quota=60, used=0, refused=0)
    shown = status_page._quotas((state,))
    assert "none given" in shown
    assert "of 3 on its list" in shown
