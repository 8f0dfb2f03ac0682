"""The operator's socket of a running vault: who is let in, and what it answers."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sealgate.envelope import encode_text
from sealgate.messages.auditing import AskAudit, AskOpens
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, Hello, Message, RefusedError
from sealgate.messages.operating import (
    OPERATOR_SOCKET,
    AskKeks,
    DestroyKek,
    InspectVault,
    KekReport,
    MigrateKek,
    OperatorReply,
    RotateKek,
    VaultInspected,
)
from sealgate.vault.config import VaultConfig
from tests.vault.deployment import Addresses, Clock, Deployment, canary_key, running
from tests.vault.keks import Kept, Ring
from tests.vault.test_kek_rotation import PowerCut, cut_after


@pytest.fixture
async def operator(vault: Deployment) -> AsyncIterator[Client]:
    async with connected(vault.config) as client:
        yield client


@asynccontextmanager
async def connected(config: VaultConfig) -> AsyncIterator[Client]:
    there = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=config.instance, process="operator")
    client = Client(config.runtime_dir / OPERATOR_SOCKET, hello, OperatorReply, on_connected=there.set)
    task = asyncio.create_task(client.run())
    await asyncio.wait_for(there.wait(), 5)
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def report(client: Client, request: Message) -> KekReport:
    answer = await client.ask(request)
    assert isinstance(answer, KekReport)
    return answer


async def settled(client: Client) -> KekReport:
    while (found := await report(client, AskKeks())).rewrapping:
        await asyncio.sleep(0.01)
    return found


async def test_only_the_vaults_own_user_may_reach_the_socket(vault: Deployment) -> None:
    path = vault.config.runtime_dir / OPERATOR_SOCKET
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.stat().st_uid == 0
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


async def test_a_running_vault_rotates_its_kek_and_goes_on_opening(
    vault: Deployment, operator: Client, at: Addresses
) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)
    before = await report(operator, AskKeks())
    await report(operator, RotateKek())
    after = await settled(operator)
    assert [each.state for each in after.items] == ["live", "current"]
    assert (after.left, after.items[0].rows) == (0, 0)
    assert after.items[1].rows == before.items[0].rows
    assert all(each.health == "ok" for each in after.items)
    assert (await vault.open(at, credential))[1] == key


async def test_keys_open_while_rows_are_wrapped_anew(
    vault: Deployment, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.rewrapping.BATCH_ROWS", 1)
    kept = []
    for _ in range(8):
        at, key = Addresses(), canary_key()
        kept.append((at, await vault.sealed_key(at, key), key))
    rotating = await report(operator, RotateKek())
    assert rotating.rewrapping
    for at, credential, key in kept:
        assert (await vault.open(at, credential))[1] == key
    await settled(operator)
    for at, credential, key in kept:
        assert (await vault.open(at, credential))[1] == key


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (MigrateKek(to="paper"), "kek_provider_unknown"),
        (MigrateKek(to="pkcs11"), "kek_not_set"),
        (MigrateKek(to="aws-kms"), "kek_not_set"),
        (MigrateKek(to="transit"), "kek_not_set"),
        (RotateKek(key="a-name"), "kek_key_unused"),
        (DestroyKek(version="file-0123456789abcdef"), "kek_unknown"),
        (InspectVault(envelope="AAAA"), "no_envelope"),
        (InspectVault(organization="%"), "malformed"),
        (AskAudit(after=2**63), "malformed"),
        (AskOpens(since=float("nan")), "malformed"),
    ],
    ids=[
        "no such provider",
        "no token",
        "no region",
        "no address",
        "no name for a file",
        "no such version",
        "no envelope",
        "no organization",
        "no place",
        "no time",
    ],
)
async def test_what_cannot_be_done_is_refused_with_a_hint_and_logged(
    vault: Deployment, operator: Client, log: io.StringIO, request_: Message, code: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await operator.ask(request_)
    assert refused.value.refusal.code == code
    assert refused.value.refusal.hint
    assert f"operator_refused code={code} operation={type(request_).__name__}" in log.getvalue()


async def test_a_full_disk_is_told_as_such(
    vault: Deployment, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sealgate.vault.kek_file.os.fsync", full)
    with pytest.raises(RefusedError) as refused:
        await operator.ask(RotateKek())
    monkeypatch.undo()
    assert refused.value.refusal.code == "unavailable"
    assert len((await report(operator, AskKeks())).items) == 1


async def test_an_edited_ring_is_told_as_damage(vault: Deployment, operator: Client) -> None:
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE keks SET made_at = 1")
    with pytest.raises(RefusedError) as refused:
        await operator.ask(AskKeks())
    assert refused.value.refusal.code == "damaged"


async def test_a_vault_goes_on_with_a_rotation_that_its_last_run_began(
    folder: Path, config: VaultConfig, assets: Path
) -> None:

    def begin() -> Kept:
        with Ring(folder) as ring:
            kept = Kept(ring.vault)
            with cut_after(2, committed=True), pytest.raises(PowerCut):
                ring.rotate()
            return kept

    kept = await asyncio.to_thread(begin)
    async with running(config, Clock(), io.StringIO(), assets) as again, connected(config) as client:
        while (found := await settled(client)).left:  # it answers before it goes on
            await asyncio.sleep(0.01)
        assert [each.state for each in found.items] == ["live", "current"]
        for at, credential, key in kept.keys:
            assert (await again.open(at, credential))[1] == key


async def inspected(operator: Client, **asked: Any) -> VaultInspected:
    answer = await operator.ask(InspectVault(**asked))
    assert isinstance(answer, VaultInspected)
    return answer


def envelope_of(vault: Deployment, credential: str) -> str:

    driver = vault.vault._foundation.database._driver
    ((envelope,),) = driver.execute("SELECT envelope FROM versions WHERE credential = ?", (credential,))
    return encode_text(envelope)


async def test_inspection_shows_pairs_and_counts_and_no_secret(
    vault: Deployment, operator: Client, at: Addresses
) -> None:
    key = canary_key()
    await vault.sealed_key(at, key)
    other = Addresses()
    await vault.sealed_key(other, canary_key())
    found = await inspected(operator)
    assert {pair.organization for pair in found.pairs} == {at.organization, other.organization}
    assert sum(pair.envelopes for pair in found.pairs) == 2
    assert all(pair.verifies and pair.kek == found.kek for pair in found.pairs)
    assert found.rows["credentials"] == 2
    alone = await inspected(operator, organization=at.organization)
    assert {pair.organization for pair in alone.pairs} == {at.organization}
    row = vault.vault._foundation.database._driver.execute("SELECT wrapped_data_key FROM keyring").fetchone()
    assert key.decode() not in repr(found)
    assert row[0].hex() not in repr(found)


async def test_an_envelope_is_explained_with_where_it_is_stored_and_what_it_is_bound_to(
    vault: Deployment, operator: Client, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    found = (await inspected(operator, envelope=envelope_of(vault, credential))).envelope
    assert found is not None
    assert found.pair is not None
    assert (found.credential, found.version, found.application) == (credential, 1, at.application)
    assert found.destination == f"{at.provider} {at.origin}"
    assert found.pair.organization == at.organization
    assert found.suite_name


async def test_an_envelope_that_is_not_stored_is_explained_as_far_as_it_goes(
    vault: Deployment, operator: Client, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    text = envelope_of(vault, credential)
    altered = await inspected(operator, envelope=text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"))
    assert altered.envelope is not None
    assert (altered.envelope.credential, altered.envelope.application) == ("", "")
    assert altered.envelope.pair is not None
    foreign = await inspected(operator, envelope=text[:3] + "AAAA" + text[7:])
    assert foreign.envelope is not None
    assert foreign.envelope.pair is None


@pytest.mark.parametrize("table", ["keyring", "versions", "credentials"])
async def test_a_row_that_does_not_verify_is_shown_as_such_or_not_at_all(
    vault: Deployment, operator: Client, at: Addresses, table: str
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    text = envelope_of(vault, credential)
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute(f"UPDATE {table} SET mac = x'00'")
    found = (await inspected(operator, envelope=text)).envelope
    assert found is not None
    assert found.pair is not None
    assert found.pair.verifies is (table != "keyring")
    assert found.credential == ("" if table == "versions" else credential)
    assert found.application == (at.application if table == "keyring" else "")
