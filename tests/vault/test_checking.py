"""The check of all rows: what is damaged is found, told once, and shown to who asks."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.checking import CheckRows, DamagedRow, RowsChecked
from sealgate.messages.client import Client
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.tickets import Revoke
from sealgate.vault import checking
from sealgate.vault.approvals import Action, NotApprovedError
from sealgate.vault.checking import Checking
from sealgate.vault.config import VaultConfig
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StorageError
from sealgate.vault.schema import sealed_tables
from tests.vault.deployment import Addresses, Clock, canary_key, owner, running, ticket_order
from tests.vault.keks import approve, enrolled_two, proposals_of
from tests.vault.still import StillVault
from tests.vault.test_operator import connected

AT = Addresses(new_id("org"), new_id("app"))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[StillVault]:
    with StillVault(tmp_path) as still:
        yield still


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def check(vault: StillVault, log: io.StringIO) -> Checking:
    base = vault.foundation
    # Alarms go where the vault's go.
    base.seal._log = LineLog("vault", EVENTS, log)
    return Checking(
        base.database, base.witness, base.seal, clock=vault.clock, log=LineLog("vault", EVENTS, log)
    )


def whole_round(check: Checking) -> RowsChecked:
    for _piece in check.pieces():
        pass
    return check.answer(anew=False)


def execute(vault: StillVault, statement: str) -> None:
    with vault.foundation.database.transaction() as connection:
        connection.execute(statement)


def fill_every_table(vault: StillVault) -> str:
    """Something in each; gives a credential."""
    credential = vault.deposit(ticket_order(AT), canary_key())
    vault.deposit(ticket_order(AT, credential, stage=True), canary_key())
    vault.opens(AT, credential)
    vault.stores.opens.flush()
    gone = vault.deposit(ticket_order(AT), canary_key())
    order = Erase(kind=ErasureKind.CREDENTIAL, subject=gone, organization=AT.organization)
    vault.erasures.answer(order)
    passkey, _ = enrolled_two(vault)
    proposals = proposals_of(vault)
    with pytest.raises(NotApprovedError) as refused:
        proposals.require(Action.INVITE, "Eve")
    approve(proposals, refused.value.missing, passkey)
    return credential


def test_a_sound_vault_is_found_sound_in_every_table(vault: StillVault, check: Checking) -> None:
    fill_every_table(vault)
    found = whole_round(check)
    assert found.is_sound
    assert found.damaged == ()
    assert {each.table for each in found.tables} == {table.name for table in sealed_tables()}
    assert (found.round, found.ended_at, found.under_way) == (1, vault.clock.now_s, 0)


TABLES = ("keyring", "peppers", "tickets", "credentials", "versions", "opens", "keks", "receipt_key", "mark")


PEOPLE = ("administrators", "passkeys", "proposals", "approvals")


@pytest.mark.parametrize("table", [*TABLES, *PEOPLE, "erasures", "erased_versions"])
def test_a_damaged_row_of_any_table_is_found(
    vault: StillVault, check: Checking, log: io.StringIO, table: str
) -> None:
    fill_every_table(vault)
    execute(vault, f"UPDATE {table} SET mac = zeroblob(32) WHERE rowid = (SELECT max(rowid) FROM {table})")
    found = whole_round(check)
    assert [each.table for each in found.damaged] == [table]
    assert not found.is_sound
    assert f"alarm_row table={table} " in log.getvalue()


def test_a_damaged_row_raises_one_alarm_and_a_new_one_when_it_is_damaged_again(
    vault: StillVault, check: Checking, log: io.StringIO
) -> None:
    credential = fill_every_table(vault)
    kept = vault.foundation.database.rows(checking._CREDENTIAL, {"credential": credential})
    assert kept
    execute(vault, f"UPDATE credentials SET organization = 'x' WHERE credential = '{credential}'")
    whole_round(check)
    found = whole_round(check)
    assert found.damaged == (DamagedRow("credentials", credential),)
    assert log.getvalue().count("alarm_row") == 1
    execute(vault, f"UPDATE credentials SET organization = '{AT.organization}'")
    assert whole_round(check).is_sound
    execute(vault, "UPDATE credentials SET organization = 'x'")
    whole_round(check)
    assert log.getvalue().count("alarm_row") == 2


def test_old_copies_of_a_credential_and_its_versions_are_found_though_their_macs_are_good(
    vault: StillVault, check: Checking
) -> None:
    credential = vault.deposit(ticket_order(AT), canary_key())
    execute(vault, "CREATE TEMP TABLE c AS SELECT * FROM credentials")
    execute(vault, "CREATE TEMP TABLE v AS SELECT * FROM versions")
    vault.ask(Revoke(**owner(AT), credential=credential))
    execute(vault, "DELETE FROM credentials")
    execute(vault, "DELETE FROM versions")
    execute(vault, "INSERT INTO credentials SELECT * FROM c")
    execute(vault, "INSERT INTO versions SELECT * FROM v")
    found = whole_round(check)
    assert set(found.damaged) == {DamagedRow("credentials", credential), DamagedRow("versions", credential)}


def test_old_copies_of_who_may_approve_and_of_what_was_approved_are_found(
    vault: StillVault, check: Checking
) -> None:
    fill_every_table(vault)
    for table in PEOPLE:
        execute(vault, f"CREATE TEMP TABLE old_{table} AS SELECT * FROM {table}")
    (proposal,) = proposals_of(vault).every()
    proposals_of(vault).use_up(proposal.proposal)
    for name, _ in vault.stores.administrators.every():
        vault.stores.administrators.remove(name)
    assert whole_round(check).is_sound
    for table in PEOPLE:
        execute(vault, f"DELETE FROM {table}")
        execute(vault, f"INSERT INTO {table} SELECT * FROM old_{table}")
    assert {each.table for each in whole_round(check).damaged} == set(PEOPLE)


def test_an_erased_credential_that_was_put_back_is_found(vault: StillVault, check: Checking) -> None:
    execute(vault, "CREATE TEMP TABLE kept AS SELECT * FROM credentials")
    gone = vault.deposit(ticket_order(AT), canary_key())
    execute(vault, "INSERT INTO kept SELECT * FROM credentials")
    vault.stores.credentials.erase([gone], lambda *_: None)
    execute(vault, "INSERT INTO credentials SELECT * FROM kept")
    assert whole_round(check).damaged == (DamagedRow("credentials", gone),)


def test_a_credential_that_was_taken_away_is_found(vault: StillVault, check: Checking) -> None:
    credential = fill_every_table(vault)
    execute(vault, f"DELETE FROM credentials WHERE credential = '{credential}'")
    execute(vault, f"DELETE FROM versions WHERE credential = '{credential}'")
    assert whole_round(check).damaged == (DamagedRow("credentials", credential),)


def test_a_planted_subject_is_named_by_no_more_than_that(vault: StillVault, check: Checking) -> None:
    fill_every_table(vault)
    execute(vault, "UPDATE opens SET credential = 'rm -rf /'")
    assert whole_round(check).damaged == (DamagedRow("opens", "unnamed"),)


def test_what_comes_and_goes_during_a_round_is_no_damage(
    vault: StillVault, check: Checking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.checking.PAGE_ROWS", 1)
    credential = vault.deposit(ticket_order(AT), canary_key())
    pieces = check.pieces()
    for number, _piece in enumerate(pieces):
        if number == 2:
            vault.ask(Revoke(**owner(AT), credential=credential))
        assert number < 2 or check.answer(anew=False).under_way
    assert check.answer(anew=False).is_sound


def test_a_credential_revoked_while_what_is_missing_is_looked_for_is_not_missing(
    vault: StillVault, check: Checking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.checking.PAGE_ROWS", 1)
    names = sorted(vault.deposit(ticket_order(AT), canary_key()) for _ in range(2))
    rounds = check._missing(checking._Round())
    next(rounds)
    for name in names:
        vault.stores.credentials.erase([name], lambda *_: None)
    assert list(rounds)
    assert whole_round(check).is_sound


async def asked(operator: Client, *, anew: bool = False) -> RowsChecked:
    answer = await operator.ask(CheckRows(anew=anew))
    assert isinstance(answer, RowsChecked)
    return answer


async def awaited(operator: Client, rounds: int) -> RowsChecked:
    async with asyncio.timeout(20):
        while (found := await asked(operator)).round < rounds:
            await asyncio.sleep(0.02)
    return found


async def test_a_running_vault_checks_by_itself_and_at_once_when_it_is_asked_to(
    config: VaultConfig,
    clock: Clock,
    log: io.StringIO,
    assets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sealgate.vault.checking.START_AFTER_S", 0.0)
    monkeypatch.setattr("sealgate.vault.checking.BETWEEN_S", 0.0)
    async with running(config, clock, log, assets) as vault, connected(config) as operator:
        await vault.sealed_key(AT, canary_key())
        await awaited(operator, 1)
        with vault.vault._foundation.database.transaction() as connection:
            connection.execute("UPDATE peppers SET mac = zeroblob(32)")
        await asked(operator, anew=True)
        found = await awaited(operator, 2)
    assert found.damaged == (DamagedRow("peppers", AT.organization),)
    assert "rows_checked rows=" in log.getvalue()


async def test_a_disk_that_cannot_be_read_is_told_and_tried_again(
    config: VaultConfig,
    clock: Clock,
    log: io.StringIO,
    assets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sealgate.vault.checking.AGAIN_AFTER_S", 0.0)
    async with running(config, clock, log, assets), connected(config) as operator:
        with monkeypatch.context() as broken:
            broken.setattr("sealgate.vault.checking._Page.pages", _no_disk)
            await asked(operator, anew=True)
            async with asyncio.timeout(10):
                while "database_failed error=StorageError operation=check" not in log.getvalue():
                    await asyncio.sleep(0.01)
        assert (await awaited(operator, 1)).is_sound


def _no_disk(*_args: object) -> Iterator[object]:
    raise StorageError("OperationalError")
