"""The database: private files, migrations that give the declared tables, transactions, no secrets."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Boolean, Float, Integer, LargeBinary, Numeric, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from sealgate.console.accounts.models import Organization
from sealgate.console.database import Database, migrate
from sealgate.console.revisions import NEW, make_new, newest_revision, statements
from sealgate.console.schema import TABLES, metadata


def test_migrations_give_exactly_the_declared_tables(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    assert migrate(path) == migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert {table.__tablename__ for table in TABLES} == set(metadata.tables)


ROOM = {
    "addons": "application_id credential next_credential next_origin next_provider origin provider",
    "applications": "external_name id name organization_id policy",
    "audit": "application_id detail hash organization_id token_id user_id what",
    "changes": "application_id",
    "erasure_orders": "application_id kind name organization_id receipt subject token_id user_id",
    "invitations": "created_by id organization_id role token_hash",
    "known_destinations": "origin provider",
    "management_tokens": "created_by id name organization_id scopes token_hash",
    "organizations": "budgets id name",
    "origins": "application_id origin",
    "probes": "application_id credential model result user_id",
    "session_keys": "algorithm application_id created_by kid name public_key",
    "sign_ins": "token_hash user_id",
    "tickets_asked": "application_id credential user_id",
    "usage": "action application_id credential endpoint epoch model organization_id origin outcome"
    " price_table provider proxy pseudonym request",
    "users": "email id name organization_id password_hash role",
}
"""Every column that has room for a key. Before one is added here: what in the code keeps a key out of it?"""

BYTES = {"applications.policy", "audit.hash", "organizations.budgets", "session_keys.public_key"} | {
    f"{table}.token_hash" for table in ("invitations", "management_tokens", "sign_ins")
}


def test_no_column_is_made_for_a_key(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    found: dict[str, list[str]] = {}
    of_bytes = set()
    for table in set(inspect(engine).get_table_names()) - {"alembic_version"}:
        for column in inspect(engine).get_columns(table):
            if not isinstance(column["type"], Integer | Float | Numeric | Boolean):
                found.setdefault(table, []).append(column["name"])
            if isinstance(column["type"], LargeBinary):
                of_bytes.add(f"{table}.{column['name']}")
    engine.dispose()
    assert {table: " ".join(sorted(names)) for table, names in found.items()} == ROOM
    assert of_bytes == BYTES
    named = {f"{table}.{name}" for table, names in found.items() for name in names}
    assert not {name for name in named if any(w in name for w in ("private", "pepper", "envelope", "secret"))}
    assert {name for name in named if "key" in name.partition(".")[2]} == {"session_keys.public_key"}


async def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "console.db"
    migrate(path)
    path.chmod(0o644)
    database = Database(path)
    async with database.writing() as tx:
        tx.add(Organization(id="org_x", name="X", created_at=1.0))
    async with database.reading() as tx:
        await tx.execute(select(Organization))
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await database.close()


async def test_an_exception_undoes_the_whole_transaction_and_rings_no_bell(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path)
    rung: list[int] = []
    database = Database(path, after_write=lambda: rung.append(1))
    with contextlib.suppress(ZeroDivisionError):
        async with database.writing() as tx:
            tx.add(Organization(id="org_x", name="X", created_at=1.0))
            await tx.flush()
            raise ZeroDivisionError
    async with database.reading() as tx:
        assert (await tx.scalars(select(Organization))).all() == []
    assert rung == []
    await database.close()


async def test_a_database_error_does_not_quote_what_was_to_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path)
    database = Database(path)
    twice = text("INSERT INTO organizations (id, name, created_at) VALUES ('org_x', :name, 1)")
    async with database.writing() as tx:
        await tx.execute(twice, {"name": "canary"})
    async with database.reading() as tx:
        with pytest.raises(IntegrityError) as caught:
            await tx.execute(twice, {"name": "canary"})
    assert "canary" not in str(caught.value)
    await database.close()


async def test_a_row_of_an_organization_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path)
    database = Database(path)
    lost = text("INSERT INTO audit (at, organization_id, what, detail) VALUES (1, 'org_no', 'x', '')")
    async with database.reading() as tx:
        with pytest.raises(IntegrityError):
            await tx.execute(lost)
    await database.close()


def test_a_database_of_a_newer_release_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    with pytest.raises(ValueError, match="hint: run the newer release"):
        migrate(path)


def test_the_newest_revision_is_the_head_of_the_migrations(tmp_path: Path) -> None:
    assert migrate(tmp_path / "console.db") == newest_revision()


@pytest.mark.parametrize("there", [True, False])
def test_neither_the_newest_form_nor_an_empty_file_needs_alembic(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "console.db"
    if there:
        migrate(path)
    code = (
        "import sys; from pathlib import Path; from sealgate.console.database import migrate;"
        f"print(migrate(Path({str(path)!r})), 'alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == f"{newest_revision()} False\n"


def test_a_new_database_is_made_as_the_migrations_make_it(tmp_path: Path) -> None:
    assert migrate(tmp_path / "migrated.db", newest_revision()) == newest_revision()
    migrated = statements(tmp_path / "migrated.db")
    assert migrated == NEW.read_text(), "run `make docs`"
    assert migrate(tmp_path / "new.db") == newest_revision()
    assert statements(tmp_path / "new.db") == migrated


@pytest.mark.parametrize("made", ["their own table", "no database"])
def test_only_an_empty_file_is_made_anew(tmp_path: Path, made: str) -> None:
    path = tmp_path / "console.db"
    if made == "no database":
        path.write_bytes(b"no database, and longer than the head of one: " * 9)
    else:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE theirs (x)")
    size = path.stat().st_size
    assert not make_new(path)
    assert path.stat().st_size == size
