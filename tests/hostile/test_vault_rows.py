"""Every column of every table of vault.db attacked, generated from the schema: nothing in here names them.

Counterparts: `attacked_vault`, which says what must hold; `test_vault_database`, the attacks that somebody
thought of. A table or column that joins the schema is attacked from its first day; if it has no row in the
scene, the first test says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from sealgate.vault import schema
from sealgate.vault.witness import Witness
from tests.hostile.attacked_vault import Attacked, Cell, Outcome, copied, furnish, use
from tests.quick_folders import quick_folder
from tests.vault.rewriting import rewrite

TABLES = {table.name: table for table in vars(schema).values() if isinstance(table, schema.Table)}
NAMES = [*TABLES, "schema_version"]
COLUMNS = [(name, column) for name, table in TABLES.items() for column in table.columns]
COLUMNS.append(("schema_version", "version"))

# What is noticed by nobody, and why that is enough.
UNSEEN: dict[str, tuple[str, ...]] = {
    "opens": ("credential",),
    "tickets": ("ticket_hash",),
    "opens_by_hour": ("hour",),
}
"""A row that became nobody's, as if it were gone."""
QUIET = {
    "opens_by_hour": "how often a key was opened, for people: a limit that docs/security states",
    "opens": "how often a key was opened: nothing hangs on it but what the list shows",
    "tickets": "a ticket that is gone, or another one's, works no more",
    "proposals": "one that is gone grants nothing, and is proposed anew",
}
OLD_IS_QUIET = {
    "passkeys": "an older counter alone helps only who has the passkey",
}


@pytest.fixture(scope="module")
def scene() -> Iterator[Attacked]:
    with quick_folder("sgh") as name:
        yield furnish(Path(name))


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder("sgh") as name:
        yield Path(name)


def victims(scene: Attacked, table: str) -> list[tuple[int, tuple[Cell, ...]]]:
    """The rows to attack, with their rowids."""
    with sqlite3.connect(scene.database) as connection:
        rows = connection.execute(f"SELECT rowid, * FROM {table}").fetchall()
    return [(rowid, tuple(row)) for rowid, *row in rows if scene.is_victims(row)]


def attack(
    scene: Attacked, folder: Path, statement: str, *values: Cell, others: bool = True
) -> Outcome | None:
    """One statement on a fresh copy, and what came of it; None if an index of ours allows no such row."""
    with copied(scene, folder) as database:
        if not rewrite(database, lambda connection: connection.execute(statement, values)):
            return None
        return use(scene, folder, others=others)


def check_noticed(outcome: Outcome | None, what: str) -> None:
    """An attack that did anything is an alarm, or a start that is refused with a hint."""
    if outcome is not None:
        assert ("alarm_" if outcome.started else "hint: ") in outcome.log, f"nobody noticed: {what}"


def test_the_untouched_vault_serves_everybody(scene: Attacked, folder: Path) -> None:
    with copied(scene, folder):
        outcome = use(scene, folder)
    assert outcome.started
    assert not outcome.refused
    assert "alarm_" not in outcome.log


@pytest.mark.parametrize("table", NAMES)
def test_every_table_has_a_row_to_attack(scene: Attacked, table: str) -> None:
    assert victims(scene, table), "let `furnish` do what leaves a row in it"


def flipped(value: Cell) -> Cell:
    """The value with one bit changed, of the same type and length."""
    match value:
        case bytes():
            return value[:-1] + bytes((value[-1] ^ 1,)) if value else b"\0"
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
        case int():
            return value ^ 1
        case float():
            return value + 1
        case None:
            return 1


def of_another_type(value: Cell) -> Cell:
    """What the column could never hold by itself."""
    return "x" if isinstance(value, int | float | bytes) else b"\xff\xfe"


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=str)
def test_an_altered_cell_gives_no_key_and_is_noticed(
    scene: Attacked, folder: Path, table: str, column: str
) -> None:
    at = [each for name, each in COLUMNS if name == table].index(column)
    everybodys = [row[at] for row in scene.rows(table)]
    for number, (rowid, row) in enumerate(victims(scene, table)[:3]):
        values = [flipped(row[at])]
        if number == 0:
            values += [each for each in everybodys if each != row[at]][:1]
            values += [None, of_another_type(row[at]), b"\xff" * 5000]
        for value in (each for each in values if each != row[at]):
            # A row that becomes somebody else's may keep a key from them, as deleting theirs would.
            others = scene.is_victims([value])
            statement = f"UPDATE {table} SET {column} = ? WHERE rowid = {rowid}"
            outcome = attack(scene, folder, statement, value, others=others)
            if column not in UNSEEN.get(table, ()):
                check_noticed(outcome, f"{column} = {value!r}"[:60])


@pytest.mark.parametrize("table", NAMES)
def test_a_removed_row_gives_no_key_and_is_noticed(scene: Attacked, folder: Path, table: str) -> None:
    for rowid, row in victims(scene, table):
        outcome = attack(scene, folder, f"DELETE FROM {table} WHERE rowid = {rowid}")
        if table not in QUIET and scene.is_live(row):
            check_noticed(outcome, f"{row[0]!r} is gone")


@pytest.mark.parametrize("table", NAMES)
def test_an_emptied_table_gives_no_key_and_is_noticed(scene: Attacked, folder: Path, table: str) -> None:
    outcome = attack(scene, folder, f"DELETE FROM {table}", others=False)
    if table not in QUIET:
        check_noticed(outcome, "emptied")


@pytest.mark.parametrize("table", TABLES)
def test_a_row_copied_under_another_key_gives_no_key(scene: Attacked, folder: Path, table: str) -> None:
    everybodys = scene.rows(table)
    for _, row in victims(scene, table)[:2]:
        for index in range(len(TABLES[table].key)):
            for value in (flipped(row[index]), *(each[index] for each in everybodys[:2])):
                copy = list(row)
                copy[index] = value
                marks = ",".join("?" * len(copy))
                attack(scene, folder, f"INSERT OR REPLACE INTO {table} VALUES ({marks})", *copy, others=False)


@pytest.mark.parametrize("table", NAMES)
def test_rows_of_another_time_give_no_key_and_are_noticed(scene: Attacked, folder: Path, table: str) -> None:
    now = [row for row in scene.rows(table) if scene.is_live(row)]
    for rows in scene.old_rows(table):
        live = [row for row in rows if scene.is_live(row)]
        with copied(scene, folder) as database:
            rewrite(database, partial(replace, table, now, live))
            outcome = use(scene, folder)
        if table not in QUIET | OLD_IS_QUIET and live != now:
            check_noticed(outcome, "rows of another time")


def replace(
    table: str, gone: Sequence[Sequence[Cell]], put: Sequence[Sequence[Cell]], connection: sqlite3.Connection
) -> None:
    """Remove rows and put others in their place, MACs and all."""
    names = [each for name, each in COLUMNS if name == table]
    for row in gone:
        connection.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} IS ?' for name in names)}", row)
    for row in put:
        connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)


@pytest.mark.parametrize("table", NAMES)
def test_one_row_of_another_time_gives_no_key(scene: Attacked, folder: Path, table: str) -> None:
    now = scene.rows(table)
    old = {row for rows in scene.old_rows(table) for row in rows if row not in now}
    for row in old:
        marks = ",".join("?" * len(row))
        attack(scene, folder, f"INSERT OR REPLACE INTO {table} VALUES ({marks})", *row, others=False)


PLANTED = {
    "trigger": "CREATE TRIGGER planted AFTER UPDATE ON {0} BEGIN DELETE FROM {0}; END",
    "view": "CREATE VIEW planted AS SELECT * FROM {0}",
    "index": "CREATE INDEX planted ON {0} ({1})",
    "table": "CREATE TABLE planted AS SELECT * FROM {0}",
    "column": "ALTER TABLE {0} ADD COLUMN planted TEXT",
    "another table in its place": "ALTER TABLE {0} RENAME TO planted",
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("table", NAMES)
def test_what_is_declared_beside_our_tables_keeps_the_vault_from_starting(
    scene: Attacked, folder: Path, table: str, what: str
) -> None:
    column = next(each for name, each in COLUMNS if name == table)
    with copied(scene, folder) as database:
        with sqlite3.connect(database) as connection:
            connection.execute(PLANTED[what].format(table, column))
        connection.close()
        outcome = use(scene, folder)
    assert not outcome.started
    assert "hint: " in outcome.log


# The control: with its MACs and its witness taken away, the vault must fail what is held above.
UNPROTECTED = {
    "another version is active": ("credentials", "UPDATE credentials SET active = 3, staged = 2"),
    "a planted sealing key": ("keyring", "UPDATE keyring SET public_key = zeroblob(32) WHERE suite = 1"),
    "another mask": ("versions", "UPDATE versions SET last_four = 'evil'"),
    "a ticket that is unused again": ("tickets", "UPDATE tickets SET used_at = NULL, version = 4"),
    "a receipt for somebody else": ("erasures", "UPDATE erasures SET final_by = 1"),
}


@pytest.mark.parametrize("what", UNPROTECTED)
def test_the_control_an_unprotected_vault_fails_these_tests(
    scene: Attacked, folder: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.rowseal.compare_digest", lambda *_both: True)
    monkeypatch.setattr(Witness, "stands", lambda *_asked: True)
    monkeypatch.setattr("sealgate.vault.keyring._is_witnessed", lambda *_asked: True)
    with pytest.raises(AssertionError):
        attack(scene, folder, UNPROTECTED[what][1], others=False)
