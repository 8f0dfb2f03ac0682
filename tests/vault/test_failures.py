"""Disks that fill up, databases that fail: refused in words, nothing half done, revoked keys stay shut."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import CredentialEvent
from sealgate.vault.checking import Checking
from sealgate.vault.faults import StorageError
from tests.vault.deployment import Addresses, Deployment, canary_key, running, vault_config, write_assets


def disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def database_fails(*_args: object) -> Any:
    raise StorageError("OperationalError")


async def test_a_revocation_that_cannot_be_written_still_shuts_the_credential(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await vault.sealed_key(at, canary_key())
    second = await vault.sealed_key(at, canary_key())
    monkeypatch.setattr("sealgate.vault.anchor._write_or_undo", disk_full)
    await vault.revoke(at, first)  # committed; its line in the anchor follows when there is room
    with pytest.raises(RefusedError, match="vault_unavailable"):
        await vault.revoke(at, second)
    events = [(await vault.notice()).event for _ in range(4)]
    assert events[2:] == [CredentialEvent.REVOKED, CredentialEvent.REVOKED]
    for credential in (first, second):
        with pytest.raises(RefusedError, match="credential_revoked"):
            await vault.open(at, credential)
    monkeypatch.undo()
    await vault.revoke(at, second)


async def test_a_part_in_the_background_that_fails_is_logged_and_the_vault_still_ends_whole(
    folder: Path, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def fails(_checking: Checking) -> None:
        asyncio.get_running_loop().call_later(0.01, failed.set)
        raise LookupError("a defect")

    monkeypatch.setattr(Checking, "run", fails)
    async with running(vault_config(folder), time.time, log, assets):
        await failed.wait()
        assert "loop_failed error=LookupError" in log.getvalue()
    assert "vault stopped" in log.getvalue()


async def test_a_deposit_on_a_full_disk_leaves_the_ticket_unused(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    issued = await vault.ticket(at)
    with monkeypatch.context() as patch:
        patch.setattr("sealgate.vault.credentials.Credentials._put", database_fails)
        answer = await vault.deposit(issued.ticket, canary_key())
    assert (answer.status, answer.code) == (503, "vault_unavailable")
    assert "error vault database_failed" in log.getvalue()
    assert (await vault.deposit(issued.ticket, canary_key())).status == 200


async def test_a_database_that_fails_is_told_to_proxy_and_console(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    monkeypatch.setattr("sealgate.vault.database.Database.rows", database_fails)
    with pytest.raises(RefusedError, match="vault_unavailable"):
        await vault.open(at, credential)
    with pytest.raises(RefusedError, match="vault_unavailable"):
        await vault.list(at)
    monkeypatch.undo()
    await vault.open(at, credential)


async def test_an_unexpected_error_is_an_answer_and_not_a_traceback(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("sealgate.vault.deposits.Deposits.plan", broken)
    answer = await vault.view("A" * 43)
    assert (answer.status, answer.code) == (500, "internal")
    assert "error vault page_failed error=ZeroDivisionError page=show_ticket" in log.getvalue()
    assert "canary" not in log.getvalue() + "".join(capfd.readouterr())


def test_on_uvloop_too_an_opened_key_leaves_nothing_in_the_vaults_slots(folder: Path) -> None:
    write_assets(folder / "assets")

    async def scenario() -> None:
        async with running(vault_config(folder), time.time, io.StringIO(), folder / "assets") as vault:
            at, key = Addresses(), canary_key()
            credential = await vault.sealed_key(at, key)
            for _ in range(50):
                assert (await vault.open(at, credential))[1] == key
            pages = vault.vault._stores.arena._pages
            assert len(pages) == 1
            assert not any(bytes(pages[0]))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
