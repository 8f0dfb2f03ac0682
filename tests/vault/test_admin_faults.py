"""The vault's port for operators: what it says when things go wrong, and that it holds nobody up."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealgate.vault import status_page
from sealgate.vault.audit import AuditState
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StorageError
from sealgate.vault.kek import KekUnavailableError
from sealgate.vault.kek_ring import KekRing
from tests.vault.admin_looks import look, look_anew, metric, words
from tests.vault.deployment import Addresses, Clock, Deployment, canary_key, running


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        look_anew(deployment)
        yield deployment


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
        connection.execute("UPDATE keks SET made_at = 1")
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


async def test_memory_that_is_not_locked_is_said(vault: Deployment) -> None:
    vault.vault._stores.arena.locked = False
    assert "not locked: raise RLIMIT_MEMLOCK" in await words(vault)
    assert await metric(vault, "memory_locked") == 0


def test_an_audit_that_is_behind_or_was_edited_is_said_loudly_on_the_page() -> None:
    state = AuditState(entries=7, waiting=12, behind=True, counted=3, checked_at=0.0, findings=0)
    behind = status_page._audit(state)
    assert "12: the disk is full?" in behind
    assert "not once since the start" in behind
    edited = msgspec.structs.replace(state, checked_at=1_800_000_000.0, findings=2, behind=False)
    assert "2: sealgate vault audit --check names them" in status_page._audit(edited)
