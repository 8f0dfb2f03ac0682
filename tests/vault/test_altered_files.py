"""vault.db and its anchor, altered as files or failing under the vault: refused at start, or told as a fault.

Counterparts: `test_altered_rows`, where single rows are altered; `test_every_moment`, where the disk is full
in each moment of each change.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import Open
from sealgate.messages.tickets import (
    CredentialState,
    Revoke,
)
from sealgate.vault.anchor import Anchor, Entry
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.migrations import Proof
from sealgate.vault.page_failures import answer_for
from tests.vault.altered_house import AT, House
from tests.vault.deployment import canary_key, open_request, owner, ticket_order
from tests.vault.rewriting import rewrite
from tests.vault.still import StillVault, _peer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    with house.vault:
        yield house


def test_a_revocation_counts_although_the_log_cannot_be_emptied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_database: object) -> None:
        raise StorageError("OperationalError")

    monkeypatch.setattr("sealgate.vault.database.Database.forget", fails)
    house.vault.ask(Revoke(**owner(AT), credential=house.credential))
    assert "database_failed error=StorageError operation=forget" in house.vault.log.getvalue()
    with pytest.raises(RefusedError, match="credential_revoked"):
        house.opens()


def test_a_database_that_fails_is_told_to_a_proxy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> None:
        raise StorageError("OperationalError")

    request: Open = open_request(AT, house.credential)
    monkeypatch.setattr("sealgate.vault.database.Database.rows", fails)
    with pytest.raises(RefusedError, match="vault_unavailable"):
        house.vault._opener.handle(_peer(), request)
    with pytest.raises(RefusedError, match="vault_unavailable"):
        house.list()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM mark", "mark_damaged"),
        ("INSERT INTO mark SELECT 2, number, subject, version, state, mac FROM mark", "mark_damaged"),
        ("UPDATE mark SET number = 99", "mark_damaged"),
        ("DELETE FROM root", "root_damaged"),
        ("UPDATE root SET ciphertext = NULL", "root_damaged"),
        ("DELETE FROM schema_version", "schema_altered"),
        ("DROP TABLE schema_version", "schema_altered"),
        ("CREATE TABLE more (x)", "schema_altered"),
        ("UPDATE schema_version SET version = 'x'", "schema_altered"),
    ],
)
def test_a_database_whose_foundation_was_altered_is_refused_at_start(
    tmp_path: Path, statement: str, code: str
) -> None:
    with StillVault(tmp_path):
        pass
    edit = (lambda connection: connection.execute(statement)) if " TABLE " not in statement else None
    database = tmp_path / "data" / "vault.db"
    if edit is not None:
        rewrite(database, edit)
    else:
        with sqlite3.connect(database) as connection:
            connection.execute(statement)
        connection.close()
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == code
    assert refused.value.hint


def test_an_anchor_with_a_line_of_another_number_is_refused(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        vault.deposit(ticket_order(AT), canary_key())
    anchor = tmp_path / "data" / "anchor"
    lines = anchor.read_text().splitlines(keepends=True)
    anchor.write_text("".join((*lines[:-1], lines[-1].replace(" ", "7 ", 1))))
    with pytest.raises(StartError, match="was altered"):
        StillVault(tmp_path)


def test_a_page_of_the_database_that_cannot_be_read_is_refused_at_start(tmp_path: Path) -> None:
    with StillVault(tmp_path):
        pass
    database = tmp_path / "data" / "vault.db"
    with sqlite3.connect(database) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'schema_version'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(database.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    database.write_bytes(content)
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == "schema_altered"


def test_a_transaction_that_the_database_ended_by_itself_is_over(house: House) -> None:
    database = house.vault.foundation.database

    def ended() -> None:
        with database.transaction():
            database._driver.rollback()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ended()
    assert house.opens() == house.key


def test_a_log_that_cannot_be_emptied_is_a_fault_of_the_storage(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def execute(self, _statement: str) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    database = house.vault.foundation.database
    monkeypatch.setattr(database, "_driver", Broken())
    for asked in (database.forget, database.forget_surely):
        with pytest.raises(StorageError):
            asked()
    monkeypatch.undo()


def test_an_upgrade_that_the_disk_stops_is_refused_with_a_hint(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("sealgate.vault.database.upgrade", full)
    witness = house.vault.foundation.witness
    with pytest.raises(StartError) as refused:
        house.vault.foundation.database.upgrade(Proof(house.vault.foundation.seal, witness.stands))
    assert refused.value.code == "upgrade_failed"


def test_an_anchor_that_skips_a_change_is_refused_although_every_line_is_ours(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor", b"k" * 32)
    for number in (0, 2):
        anchor.append(Entry(number, AT.organization, number + 1, "made"))
    with pytest.raises(StartError, match="was altered"):
        Anchor(tmp_path / "anchor", b"k" * 32)


def test_an_anchor_of_which_half_a_line_was_written_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "anchor"
    anchor = Anchor(path, b"k" * 32)
    anchor.append(Entry(0, AT.organization, 1, "made"))
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr("sealgate.vault.anchor.os.write", lambda to, line: write(to, line[:7]))
    with pytest.raises(OSError, match="full"):
        anchor.append(Entry(1, AT.organization, 2, "made"))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert repr(anchor.shortened()) == "<Shortened at 0>"


def test_what_the_anchor_does_not_say_yet_stands_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    witness = house.vault.foundation.witness
    monkeypatch.setattr("sealgate.vault.anchor._write_or_undo", full)
    house.vault.ask(Revoke(**owner(AT), credential=house.credential))
    assert witness.is_behind
    assert witness.standings("cred_")[house.credential].state == CredentialState.REVOKED
    monkeypatch.undo()


async def test_a_short_anchor_is_not_shortened(house: House) -> None:
    anchor = house.vault.config.data_dir / "anchor"
    before = anchor.read_bytes()
    await house.vault.foundation.witness.shorten()
    assert anchor.read_bytes() == before


def test_what_is_no_mapped_error_gets_no_answer() -> None:
    with pytest.raises(AssertionError):
        answer_for(ZeroDivisionError())


def test_a_query_that_the_disk_fails_is_a_fault_of_the_storage(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def execute(self, _statement: str, _values: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(house.vault.foundation.database, "_driver", Broken())
    with pytest.raises(RefusedError, match="vault_unavailable"):
        house.list()
    monkeypatch.undo()
    assert house.opens() == house.key
