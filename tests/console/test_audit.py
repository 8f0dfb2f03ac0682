"""The chained record of changes: what every kind of attack on it looks like, its page and its file."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sealgate.console.audit import listing
from sealgate.console.audit.chain import START, Fields, Link, entry_hash, parse_link
from sealgate.console.audit.checking import Fault, accept_audit, check_audit
from sealgate.console.audit.head import Head, head_path, read_head, write_head
from sealgate.console.audit.models import AuditEntry
from sealgate.console.audit.services import WORDS, Editing
from sealgate.console.config import ConsoleConfig
from sealgate.console.database import Database, migrate
from tests.console.running import Browser, Running, make_config

ENTRIES = 5
Attack = Callable[[sqlite3.Connection], object]


@contextlib.contextmanager
def opened(config: ConsoleConfig) -> Iterator[sqlite3.Connection]:
    """The database as somebody with its file has it: without the triggers."""
    with contextlib.closing(sqlite3.connect(config.database_path, isolation_level=None)) as connection:
        for name in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        yield connection


async def record(config: ConsoleConfig, count: int = ENTRIES) -> None:
    database = Database(config.database_path)
    async with database.writing() as tx:
        await tx.execute(
            text("INSERT OR IGNORE INTO organizations (id, name, created_at) VALUES ('o', 'O', 1)")
        )
    for number in range(count):
        async with database.writing() as tx:
            await Editing(tx, "o", None, 1_700_000_000.5 + number).record("origin.added", f"https://{number}")
    await database.close()


@pytest.fixture
async def config(tmp_path: Path) -> ConsoleConfig:
    """A console whose record has five entries."""
    made = make_config(tmp_path)
    migrate(made.database_path)
    await record(made)
    return made


def faults(config: ConsoleConfig, noted: str = "") -> list[tuple[Fault, int]]:
    return [(finding.fault, finding.position) for finding in check_audit(config, noted).findings]


def swap(connection: sqlite3.Connection, one: int, other: int) -> None:
    """Two entries change places, with their hashes."""
    for source, target in ((one, 99), (other, one), (99, other)):
        connection.execute("UPDATE audit SET id = ? WHERE id = ?", (target, source))


def close_the_gap(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM audit WHERE id = 3")
    connection.execute("UPDATE audit SET id = 3 WHERE id = 4")
    connection.execute("UPDATE audit SET id = 4 WHERE id = 5")


def append(connection: sqlite3.Connection) -> None:
    """An entry that fits the chain, written by another than the console."""
    (last,) = connection.execute("SELECT hash FROM audit WHERE id = 5").fetchone()
    fields = Fields(6, 1.0, "o", None, None, "add-on.on", "")
    connection.execute(
        "INSERT INTO audit (id, at, organization_id, what, detail, hash) "
        "VALUES (6, 1.0, 'o', 'add-on.on', '', ?)",
        (entry_hash(last, fields),),
    )


def rewrite(connection: sqlite3.Connection) -> None:
    """The whole chain anew, with one entry edited: whole in itself."""
    rows = connection.execute(
        "SELECT id, at, organization_id, what, detail FROM audit ORDER BY id"
    ).fetchall()
    last = START.hash
    for position, at, organization, what, detail in rows:
        said = "nothing happened" if position == 2 else detail
        last = entry_hash(last, Fields(position, at, organization, None, None, what, said))
        connection.execute("UPDATE audit SET detail = ?, hash = ? WHERE id = ?", (said, last, position))


async def test_a_record_that_nobody_touched_is_whole(config: ConsoleConfig) -> None:
    report = check_audit(config)
    assert report.sound
    assert (report.entries, report.end.position) == (ENTRIES, ENTRIES)
    assert report.end.text() in "\n".join(report.lines())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", 1.0),
        ("organization_id", "org_other"),
        ("application_id", "app_other"),
        ("user_id", "usr_other"),
        ("what", "add-on.off"),
        ("detail", "https://2 "),
        ("token_id", "tok_other"),
        ("hash", bytes(32)),
        ("hash", None),
        ("hash", "text"),
        ("at", "a text"),
    ],
    ids=lambda value: {bytes(32): "zeros", None: "null"}.get(value, str(value)),
)
async def test_an_edit_of_any_column_is_found(config: ConsoleConfig, column: str, value: object) -> None:
    with opened(config) as connection:
        if value is None:
            connection.execute("UPDATE audit SET hash = x'' WHERE id = 3")
        else:
            connection.execute(f"UPDATE audit SET {column} = ? WHERE id = 3", (value,))
    assert (Fault.CHANGED, 3) in faults(config)


async def test_every_column_is_in_one_of_the_attacks(config: ConsoleConfig) -> None:
    with opened(config) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(audit)")}
    attacked = {"at", "organization_id", "application_id", "user_id", "what", "detail", "token_id", "hash"}
    assert columns - {"id"} == attacked, "and the position has attacks of its own"


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (lambda c: c.execute("DELETE FROM audit WHERE id = 3"), (Fault.MISSING, 3)),
        (lambda c: c.execute("DELETE FROM audit WHERE id = 1"), (Fault.MISSING, 1)),
        (lambda c: c.execute("DELETE FROM audit WHERE id > 3"), (Fault.CUT_OFF, 4)),
        (lambda c: c.execute("DELETE FROM audit"), (Fault.CUT_OFF, 1)),
        (lambda c: c.execute("UPDATE audit SET id = 9 WHERE id = 5"), (Fault.MISSING, 5)),
        (lambda c: swap(c, 2, 4), (Fault.CHANGED, 2)),
        (lambda c: swap(c, 2, 4), (Fault.CHANGED, 4)),
        (close_the_gap, (Fault.CHANGED, 3)),
        (append, (Fault.NOT_OURS, 6)),
        (rewrite, (Fault.REWRITTEN, 5)),
    ],
    ids=[
        "gap",
        "first gone",
        "cut",
        "emptied",
        "moved on",
        "swap",
        "swap 2",
        "closed gap",
        "forged",
        "rewritten",
    ],
)
async def test_removal_reordering_and_forgery_are_found(
    config: ConsoleConfig, attack: Attack, expected: tuple[Fault, int]
) -> None:
    with opened(config) as connection:
        attack(connection)
    assert expected in faults(config)


async def test_who_rewrites_both_files_is_found_by_a_head_that_was_noted_elsewhere(
    config: ConsoleConfig,
) -> None:
    noted = check_audit(config).end.text()
    with opened(config) as connection:
        rewrite(connection)
    accept_audit(config)
    assert faults(config) == [], "a writer of both is not seen by the files alone"
    assert faults(config, noted) == [(Fault.NOT_AS_NOTED, ENTRIES)]


async def test_cutting_the_end_of_both_files_is_found_by_a_noted_head(config: ConsoleConfig) -> None:
    noted = check_audit(config).end.text()
    with opened(config) as connection:
        connection.execute("DELETE FROM audit WHERE id > 3")
    accept_audit(config)
    assert faults(config) == []
    assert faults(config, noted) == [(Fault.NOT_AS_NOTED, ENTRIES)]


async def test_a_noted_head_goes_on_fitting_while_the_record_grows(config: ConsoleConfig) -> None:
    noted = check_audit(config).end.text()
    await record(config, 3)
    assert faults(config, noted) == []


@pytest.mark.parametrize("noted", ["x", "5", "5:zz", "-1:" + "00" * 32, "5:" + "00" * 31])
async def test_a_noted_head_of_another_form_is_refused_with_a_hint(config: ConsoleConfig, noted: str) -> None:
    with pytest.raises(ValueError, match="hint"):
        check_audit(config, noted)


@pytest.mark.parametrize("content", [b"", b"x\n", b"5:00\n", b"\xff\xfe", b"1:\n2:\n3:\n"], ids=repr)
async def test_a_head_that_is_damaged_or_gone_is_found(config: ConsoleConfig, content: bytes) -> None:
    path = head_path(config.database_path)
    path.write_bytes(content)
    assert [fault for fault, _at in faults(config)] == [Fault.NO_HEAD]
    path.unlink()
    assert [fault for fault, _at in faults(config)] == [Fault.NO_HEAD]


@pytest.mark.parametrize("hurt", [append, lambda c: c.execute("DELETE FROM audit WHERE id = 5")])
async def test_the_head_stays_as_evidence_when_the_console_goes_on_writing(
    config: ConsoleConfig, hurt: Attack
) -> None:
    told: list[str] = []
    before = read_head(head_path(config.database_path))
    with opened(config) as connection:
        hurt(connection)
    database = Database(config.database_path, audit_broken=lambda: told.append("broken"))
    async with database.writing() as tx:
        await Editing(tx, "o", None, 2.0).record("origin.added", "later")
    await database.close()
    assert told == ["broken"]
    assert read_head(head_path(config.database_path)) == before
    assert not check_audit(config).sound


async def test_a_crash_between_the_commit_and_the_head_is_no_alarm(config: ConsoleConfig) -> None:
    end = check_audit(config).end
    path = head_path(config.database_path)
    write_head(path, Head(Link(6, b"\x01" * 32), before=end))  # written, and then never committed
    assert faults(config) == []
    await record(config, 1)
    assert faults(config) == []
    assert read_head(path) == Head(check_audit(config).end)


async def test_writers_at_the_same_time_do_not_take_the_head_from_each_other(config: ConsoleConfig) -> None:
    # Each in a Database of its own, as a page, what runs beside it and a command are.
    await asyncio.gather(*(record(config, 12) for _ in range(4)))
    report = check_audit(config)
    assert (report.entries, report.findings) == (ENTRIES + 48, ())
    assert read_head(head_path(config.database_path)) == Head(report.end)


async def test_what_is_rolled_back_leaves_the_record_whole(config: ConsoleConfig) -> None:
    database = Database(config.database_path)
    with contextlib.suppress(ZeroDivisionError):
        async with database.writing() as tx:
            edit = Editing(tx, "o", None, 2.0)
            await edit.record("origin.added", "one")
            await edit.record("origin.added", "two")
            raise ZeroDivisionError
    await database.close()
    assert faults(config) == []
    await record(config, 1)
    assert (faults(config), check_audit(config).entries) == ([], ENTRIES + 1)


async def test_the_database_itself_refuses_changes_and_deletions(config: ConsoleConfig) -> None:
    database = Database(config.database_path)
    for statement in ("UPDATE audit SET detail = 'x'", "DELETE FROM audit"):
        with pytest.raises(IntegrityError, match="only added to"):
            async with database.writing() as tx:
                await tx.execute(text(statement))
    await database.close()


def test_entries_of_the_form_before_are_taken_into_the_chain(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    migrate(config.database_path, "0001")
    with contextlib.closing(sqlite3.connect(config.database_path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO organizations (id, name, created_at) VALUES ('o', 'O', 1)")
        connection.execute("INSERT INTO users VALUES ('u', 'o', 'owner', 'Ada', 'ada@example.com', 'x', 1.0)")
        for id_ in (1, 2, 7):
            connection.execute(
                "INSERT INTO audit (id, at, organization_id, user_id, what, detail) "
                "VALUES (?, 1.5, 'o', 'u', 'origin.added', 'https://x')",
                (id_,),
            )
    migrate(config.database_path)
    report = check_audit(config)
    assert (report.sound, report.entries, report.end.position) == (True, 3, 3)
    head = read_head(head_path(config.database_path))
    assert head == Head(report.end)


def test_a_database_without_the_chain_is_refused_with_a_hint(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    with pytest.raises(ValueError, match="hint: start the console once"):
        check_audit(config)
    migrate(config.database_path, "0001")
    with pytest.raises(ValueError, match="hint: start the console once"):
        check_audit(config)


def test_an_empty_record_is_whole(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    migrate(config.database_path)
    assert check_audit(config).sound


@pytest.mark.parametrize("field", [name for name in Fields.__struct_fields__ if name != "position"])
def test_no_two_entries_have_one_canonical_form(field: str) -> None:
    one = Fields(1, 1.0, "a", "b", "c", "d", "e", "f")
    other: object = 2.0 if field == "at" else "x"
    assert entry_hash(START.hash, one) != entry_hash(
        START.hash, msgspec.structs.replace(one, **{field: other})
    )
    if field in {"application", "user", "token"}:
        empty = msgspec.structs.replace(one, **{field: ""})
        none = msgspec.structs.replace(one, **{field: None})
        assert entry_hash(START.hash, empty) != entry_hash(START.hash, none)


def test_a_link_is_read_as_it_is_written() -> None:
    link = Link(12, bytes(range(32)))
    assert parse_link(link.text()) == link


async def test_the_page_shows_who_did_what_and_when(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await ada.submit(f"/applications/{app}/origins", {"origin": "https://app.example.com"})
    page = (await ada.get("/audit")).text
    for words in ("Ada", "created the application", "added the origin", "https://app.example.com"):
        assert words in page
    assert "2023-11-14T22:13:20Z" in page
    assert check_audit(world.console.config).end.text() in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("who=command-line", 0),
        ("who=usr_nobody", 0),
        ("what=origin.added", 1),
        ("what=nothing", 0),
        ("from=2023-11-14&to=2023-11-14", 2),
        ("from=2023-11-15", 0),
        ("to=2023-11-13", 0),
        ("from=tomorrow&to=2023-02-31", 2),
        ("application=app_other", 0),
        ("", 2),
    ],
)
async def test_the_filters_narrow_the_page_and_the_file_alike(
    world: Running, ada: Browser, query: str, shown: int
) -> None:
    app = await world.application(ada)
    await ada.submit(f"/applications/{app}/origins", {"origin": "https://app.example.com"})
    page = (await ada.get(f"/audit?{query}")).text
    assert page.count('data-label="What"') == shown
    answer = await ada.get(f"/audit.csv?{query}")
    assert len(list(csv.reader(io.StringIO(answer.text)))) == shown + 1


async def test_the_application_filter_finds_its_own_changes(world: Running, ada: Browser) -> None:
    one, two = await world.application(ada, "One"), await world.application(ada, "Two")
    page = (await ada.get(f"/audit?application={one}")).text
    assert page.count('data-label="What"') == 1
    assert f"/applications/{two}" not in page


async def test_another_organizations_changes_are_not_shown(world: Running, ada: Browser) -> None:
    await world.application(ada, "Larkspur")
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    assert 'data-label="What"' not in (await eve.get("/audit")).text
    assert "Larkspur" not in (await eve.get("/audit.csv")).text


async def test_the_file_holds_every_entry_over_all_pages(
    world: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS_AT_ONCE", 100)
    organization = await world.owner("eve@example.com", "Elsewhere")
    async with world.console.database.writing() as tx:
        edit = Editing(tx, organization, None, world.clock())
        for number in range(305):
            await edit.record("origin.added", str(number))
    eve = await world.signed_in("eve@example.com")
    answer = await eve.get("/audit.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="sealgate-audit.csv"'
    assert [row[5] for row in rows[1:]] == [str(number) for number in reversed(range(305))]
    assert "Page 1 of 7" in (await eve.get("/audit")).text
    assert check_audit(world.console.config).sound


async def test_a_broken_record_is_said_on_the_page_after_the_daily_check(
    world: Running, ada: Browser
) -> None:
    await world.application(ada)
    with opened(world.console.config) as connection:
        connection.execute("UPDATE audit SET detail = 'x'")
    await world.console.housekeeping.check()
    assert "The record is not whole" in (await ada.get("/audit")).text
    assert "audit_broken" in world.lines.getvalue()


async def test_every_word_is_known_to_the_page(world: Running, ada: Browser) -> None:
    await world.application(ada)
    page = (await ada.get("/audit")).text
    assert all(f'value="{what}"' in page for what in WORDS)
    assert AuditEntry.__tablename__ == "audit"
