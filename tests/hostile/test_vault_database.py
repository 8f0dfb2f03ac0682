"""An attacker with full write access to vault.db: every column edited, rows planted, swapped and restored.

SECURITY.md's row "write on the vault's database". The vault is stopped while its file is edited and starts
again on it; no edit may give a key, another destination, or a sealing key that is not the vault's own.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sealgate.envelope import SealingPrivateKey
from sealgate.ids import new_id
from sealgate.messages.administering import ApprovalsMissing, AskProposals, InviteAdministrator, ProposalList
from sealgate.messages.auditing import AskOpens, OpensPage
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureKind, Receipts
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Credentials, CredentialState
from sealgate.vault import schema
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StartError
from tests.quick_folders import quick_folder
from tests.vault.audits import audit_checked, operator
from tests.vault.deployment import (
    EVIL_ORIGIN,
    Addresses,
    Clock,
    Deployment,
    canary_key,
    running,
    unbase64,
    vault_config,
    write_assets,
)
from tests.vault.people import connected_people

ORGANIZATION, APPLICATION = new_id("org"), new_id("app")
AT = Addresses(ORGANIZATION, APPLICATION)
ERASED = Addresses(new_id("org"), new_id("app"))
KEY, PREVIOUS_KEY, STAGED_KEY = canary_key(), canary_key(), canary_key()

TABLES = [table for table in vars(schema).values() if isinstance(table, schema.Table)]
COLUMNS = [(table.name, column) for table in TABLES for column in table.columns]
COLUMNS.append(("schema_version", "version"))
OPENED_WITH = ("credentials", "versions", "keyring", "peppers")
Change = Callable[[Deployment, str], Awaitable[None]]
PEOPLE = ("administrators", "passkeys", "proposals", "approvals")
RECEIPTS = ("erasures", "erased_versions", "receipt_key")
STARTED_WITH = ("root", "mark", "schema_version", "keks")


class Scene:
    """A stopped vault's folder: a credential with a previous, an active and a staged version (1, 2 and 3),
    a live ticket and a used one."""

    def __init__(self, folder: Path, credential: str, ticket: str, used_ticket: str) -> None:
        self.folder = folder
        self.config: VaultConfig = vault_config(folder)
        self.credential = credential
        self.ticket = ticket
        self.used_ticket = used_ticket
        self.log = io.StringIO()
        self.database = self.config.data_dir / "vault.db"

    def run(self, clock: Clock | None = None) -> Any:
        """The vault, started on what the attacker left."""
        return running(self.config, clock or Clock(), self.log, self.folder / "assets")

    def edit(self, *statements: str, values: tuple[object, ...] = ()) -> None:
        """Write into vault.db as somebody who stole its file permissions, but not the KEK."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                connection.execute(statement, values)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read from vault.db the same way."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(statement).fetchall()

    def put_back(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Restore old rows, MACs and all."""
        self.edit(f"DELETE FROM {table}")
        for row in rows:
            self.edit(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", values=row)


async def _stage(folder: Path) -> tuple[str, str, str]:
    config = vault_config(folder)
    async with running(config, Clock(), io.StringIO(), folder / "assets") as vault:
        issued = await vault.ticket(AT)
        assert (await vault.deposit(issued.ticket, PREVIOUS_KEY)).status == 200
        await vault.staged_key(AT, KEY, issued.credential)
        await vault.switch(AT, issued.credential)
        await vault.staged_key(AT, STAGED_KEY, issued.credential)
        await vault.open(AT, issued.credential)
        await vault.sealed_key(ERASED, canary_key())
        order = Erase(
            kind=ErasureKind.ORGANIZATION, subject=ERASED.organization, organization=ERASED.organization
        )
        await vault.ask(order, Erased)
        async with connected_people(vault) as people:
            ada = await people.enrolled("Ada")
            await people.enrolled("Bea")
            missing = await people.operator.ask(InviteAdministrator(name="Cleo"))
            assert isinstance(missing, ApprovalsMissing)
            assert (await people.approve(missing.proposal.link, ada.passkey)).status == 200
        pending = await vault.ticket(AT)
        return issued.credential, pending.ticket, issued.ticket


@pytest.fixture(scope="module")
def staged() -> Iterator[Scene]:
    with quick_folder("sgh") as name:
        folder = Path(name)
        write_assets(folder / "assets")
        yield Scene(folder, *asyncio.run(_stage(folder)))


@pytest.fixture
def scene(staged: Scene) -> Iterator[Scene]:
    """A fresh copy of the staged folder."""
    with quick_folder("sgh") as name:
        folder = Path(name) / "c"
        shutil.copytree(staged.folder, folder)
        yield Scene(folder, staged.credential, staged.ticket, staged.used_ticket)


def altered(value: object) -> object:
    """Another value of the same type."""
    if value is None:
        return 1.0
    if isinstance(value, bytes):
        return value[:-1] + bytes((value[-1] ^ 1,))
    if isinstance(value, str):
        return {"active": "revoked"}.get(value, value[:-1] + ("b" if value[-1:] == "a" else "a"))
    assert isinstance(value, int | float)
    return value + 1_000  # beyond the numbers of other rows


def edit_column(scene: Scene, table: str, column: str) -> None:
    rows = scene.rows(f"SELECT rowid, {column} FROM {table}")
    assert rows
    for rowid, value in rows:
        planted = b"x" if value is None and column.endswith("_hash") else altered(value)
        scene.edit(f"UPDATE {table} SET {column} = ? WHERE rowid = {rowid}", values=(planted,))


async def test_the_staged_vault_opens_its_key_while_nobody_edits_it(scene: Scene) -> None:
    async with scene.run() as vault:
        assert (await vault.open(AT, scene.credential))[1] == KEY
        assert (await vault.view(scene.ticket)).status == 200


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=str)
async def test_an_edited_column_gives_no_key_and_is_refused(scene: Scene, table: str, column: str) -> None:
    edit_column(scene, table, column)
    if table in STARTED_WITH:
        with pytest.raises(StartError, match="hint: "):
            async with scene.run():
                pass
        return
    async with scene.run() as vault:
        if table in OPENED_WITH:
            with pytest.raises(RefusedError) as refused:
                await vault.open(AT, scene.credential)
            assert refused.value.refusal.code == "credential_damaged"
        elif table in RECEIPTS:
            with pytest.raises(RefusedError) as refused:
                await _receipt(vault)
            assert refused.value.refusal.code == "credential_damaged"
        elif table in PEOPLE:
            assert await _granted(vault) < (2, 1)
        elif table == "tickets":
            assert (await vault.view(scene.ticket)).code == "ticket_unknown"
        elif table == "opens_by_hour":
            async with operator(vault.config) as client:
                answer = await client.ask(AskOpens())
            assert isinstance(answer, OpensPage)
            assert answer.items == ()
        elif table == "audit":
            found = await audit_checked(vault.config)
            assert {each.fault for each in found.findings} & {"changed", "missing"}
            return
        else:
            assert table == "opens"
            listed = await vault.list(AT)
            assert isinstance(listed, Credentials)
            assert {row.last_opened_at for row in listed.items} == {None}
    assert "alarm_row" in scene.log.getvalue() or column in ("ticket_hash", "credential")


async def _granted(vault: Deployment) -> tuple[int, int]:
    """How many passkeys are believed, and how many approvals."""
    async with connected_people(vault) as people:
        listed = await people.operator.ask(AskProposals())
        assert isinstance(listed, ProposalList)
        passkeys = sum(len(row.passkeys) for row in await people.list())
        return passkeys, sum(len(each.approved) for each in listed.items)


async def test_the_staged_vault_believes_its_administrators_while_nobody_edits_them(scene: Scene) -> None:
    async with scene.run() as vault:
        assert await _granted(vault) == (2, 1)


async def _receipt(vault: Deployment) -> str:
    listed = await vault.ask(AskReceipts(organization=ERASED.organization), Receipts)
    receipt = listed.items[0].receipt
    order = AskReceipt(receipt=receipt, organization=ERASED.organization)
    return (await vault.ask(order, Erased)).signed


async def test_the_staged_vault_signs_its_receipt_while_nobody_edits_it(scene: Scene) -> None:
    async with scene.run() as vault:
        assert await _receipt(vault)


async def test_a_credential_cannot_be_moved_to_another_destination(scene: Scene) -> None:
    scene.edit("UPDATE credentials SET origin = ?", values=(EVIL_ORIGIN,))
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(Addresses(ORGANIZATION, APPLICATION, origin=EVIL_ORIGIN), scene.credential)


@pytest.mark.parametrize("column", ["organization", "application", "credential"])
async def test_a_planted_copy_of_a_credential_opens_for_nobody_else(scene: Scene, column: str) -> None:
    (row,) = scene.rows("SELECT * FROM credentials")
    names = [name for table, name in COLUMNS if table == "credentials"]
    planted = dict(zip(names, row, strict=True)) | {"credential": new_id("cred")}
    theirs = {
        "organization": new_id("org"),
        "application": new_id("app"),
        "credential": planted["credential"],
    }
    planted[column] = theirs[column]
    scene.edit(
        f"INSERT INTO credentials VALUES ({','.join('?' * len(names))})", values=tuple(planted.values())
    )
    async with scene.run() as vault:
        at = Addresses(planted["organization"], planted["application"])
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(at, planted["credential"])
        listed = await vault.list(AT)
        assert planted["credential"] not in {row.credential for row in listed.items}
    assert "alarm_row table=credentials" in scene.log.getvalue()


async def test_two_envelopes_cannot_be_swapped(scene: Scene) -> None:
    async with scene.run() as vault:
        other = await vault.sealed_key(AT, canary_key())
    envelopes = dict(scene.rows("SELECT credential, envelope FROM versions WHERE version < 3"))
    scene.edit(
        "UPDATE versions SET envelope = ? WHERE credential = ? AND version = 2",
        values=(envelopes[other], scene.credential),
    )
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


async def _replace(vault: Deployment, credential: str) -> None:
    await vault.sealed_key(AT, canary_key(), credential)


async def _stage_again(vault: Deployment, credential: str) -> None:
    await vault.staged_key(AT, canary_key(), credential)


async def _switch(vault: Deployment, credential: str) -> None:
    await vault.switch(AT, credential)


async def _discard(vault: Deployment, credential: str) -> None:
    await vault.discard(AT, credential, 3)


async def _switch_and_roll_back(vault: Deployment, credential: str) -> None:
    # Ends with the same versions active and staged as before: only the revision tells the two apart.
    await vault.discard(AT, credential, 1)
    await vault.switch(AT, credential)
    await vault.roll_back(AT, credential)


async def _revoke(vault: Deployment, credential: str) -> None:
    await vault.revoke(AT, credential)


CHANGES = [_replace, _stage_again, _switch, _discard, _switch_and_roll_back, _revoke]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
@pytest.mark.parametrize(
    "tables", [("credentials",), ("versions",), ("credentials", "versions")], ids="+".join
)
async def test_rows_restored_from_before_a_change_do_not_open(
    scene: Scene, change: Change, tables: tuple[str, ...]
) -> None:
    old = {table: scene.rows(f"SELECT * FROM {table}") for table in tables}
    async with scene.run() as vault:
        await change(vault, scene.credential)
    for table in tables:
        scene.put_back(table, old[table])
    async with scene.run() as vault:
        for version in (None, 1, 2, 3):
            with pytest.raises(RefusedError, match="credential_damaged"):
                await vault.open(AT, scene.credential, version)
        for asked in (vault.switch, vault.roll_back):
            with pytest.raises(RefusedError, match="credential_damaged"):
                await asked(AT, scene.credential)
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.ticket(AT, scene.credential, stage=True)
    assert f"subject={scene.credential}" in scene.log.getvalue()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
async def test_an_old_vault_db_restored_as_a_whole_is_refused_at_start(scene: Scene, change: Change) -> None:
    old = scene.database.read_bytes()
    async with scene.run() as vault:
        await change(vault, scene.credential)
        await vault.sealed_key(AT, canary_key())
    scene.database.write_bytes(old)
    with pytest.raises(StartError, match="old copy"):
        async with scene.run():
            pass
    assert "alarm_rollback" in scene.log.getvalue()


@pytest.mark.parametrize(
    ("column", "value"),
    [("active", 1), ("active", 3), ("staged", None), ("previous", None), ("newest", 2), ("revision", 3)],
)
async def test_which_version_is_active_cannot_be_edited(scene: Scene, column: str, value: int | None) -> None:
    scene.edit(f"UPDATE credentials SET {column} = ?", values=(value,))
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


async def test_two_versions_cannot_change_their_numbers(scene: Scene) -> None:
    for before, after in ((2, 9), (3, 2), (9, 3)):
        scene.edit(f"UPDATE versions SET version = {after} WHERE version = {before}")
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_removed_version_is_missed_and_nothing_is_switched(scene: Scene, version: int) -> None:
    scene.edit(f"DELETE FROM versions WHERE version = {version}")
    async with scene.run() as vault:
        for asked in (vault.open, vault.switch):
            with pytest.raises(RefusedError, match="credential_damaged"):
                await asked(AT, scene.credential)
        (shown,) = [row for row in (await vault.list(AT)).items if row.credential == scene.credential]
        assert (shown.state, shown.versions) == (CredentialState.DAMAGED, ())


async def test_a_discarded_version_put_back_beside_the_others_is_noticed(scene: Scene) -> None:
    (discarded,) = scene.rows("SELECT * FROM versions WHERE version = 3")
    async with scene.run() as vault:
        await vault.discard(AT, scene.credential, 3)
    marks = ",".join("?" * len(discarded))
    scene.edit(f"INSERT INTO versions VALUES ({marks})", values=discarded)
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


async def test_a_ticket_cannot_be_made_to_stage_or_not(scene: Scene) -> None:
    scene.edit("UPDATE tickets SET stage = 1 - stage")
    async with scene.run() as vault:
        assert (await vault.view(scene.ticket)).code == "ticket_unknown"


async def test_a_ticket_restored_for_a_removed_credential_takes_no_key(scene: Scene) -> None:
    async with scene.run() as vault:
        first = await vault.ticket(AT)
    tickets = scene.rows("SELECT * FROM tickets")
    async with scene.run() as vault:
        assert (await vault.deposit(first.ticket, canary_key())).status == 200
    scene.edit("UPDATE versions SET last_four = 'evil' WHERE credential = ?", values=(first.credential,))
    async with scene.run() as vault:
        await vault.revoke(AT, first.credential)
    scene.put_back("tickets", tickets)
    async with scene.run() as vault:
        assert (await vault.view(first.ticket)).code == "ticket_unknown"


async def test_a_used_ticket_made_unused_again_does_not_take_a_second_key(scene: Scene) -> None:
    scene.edit("UPDATE tickets SET used_at = NULL")
    async with scene.run() as vault:
        assert (await vault.view(scene.used_ticket)).code == "ticket_unknown"


async def test_a_ticket_row_restored_from_before_its_use_does_not_take_a_second_key(scene: Scene) -> None:
    before = scene.rows("SELECT * FROM tickets")
    async with scene.run() as vault:
        assert (await vault.deposit(scene.ticket, canary_key())).status == 200
    scene.put_back("tickets", before)
    async with scene.run() as vault:
        assert (await vault.view(scene.ticket)).code == "ticket_unknown"
    assert "ticket_refused code=outdated" in scene.log.getvalue()


async def test_a_planted_sealing_key_is_never_shown_to_a_depositor(scene: Scene) -> None:
    theirs = SealingPrivateKey.generate().public.raw
    scene.edit("UPDATE keyring SET public_key = ?", values=(theirs,))
    async with scene.run() as vault:
        seen = await vault.view(scene.ticket)
        assert seen.code == "ticket_unknown"
        assert theirs not in seen.body
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.ticket(AT)


async def test_a_newer_planted_epoch_is_never_used(scene: Scene) -> None:
    theirs = SealingPrivateKey.generate().public.raw
    scene.edit(
        "INSERT INTO keyring SELECT ?, organization, epoch + 1, suite, ?, ciphertext, wrapped_data_key,"
        " kek_version, made_at, mac FROM keyring WHERE suite = 1",
        values=(b"k" * 16, theirs),
    )
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.ticket(AT)
        seen = await vault.view(scene.ticket)
        shown = {each["public_key"] for each in seen.json["keys"]}  # the old ticket still names the true ones
        assert theirs not in map(unbase64, shown)
        assert len(shown) == 2


@pytest.mark.parametrize("table", ["keyring", "peppers"])
async def test_a_removed_secret_is_missed_and_not_made_anew(scene: Scene, table: str) -> None:
    scene.edit(f"DELETE FROM {table}")
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)
    assert scene.rows(f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_removed_credential_is_missed(scene: Scene) -> None:
    scene.edit("DELETE FROM credentials")
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


@pytest.mark.parametrize("table", ["root", "mark", "schema_version"])
async def test_a_database_without_its_foundation_does_not_start(scene: Scene, table: str) -> None:
    scene.edit(f"DELETE FROM {table}")
    with pytest.raises(StartError, match="hint: "):
        async with scene.run():
            pass


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER keep AFTER UPDATE ON credentials BEGIN INSERT INTO opens VALUES (1,1,1,1); END",
        "CREATE VIEW shown AS SELECT * FROM credentials",
        "CREATE TABLE more (x TEXT)",
        "DROP INDEX tickets_by_application",
        "ALTER TABLE credentials ADD COLUMN more TEXT",
    ],
)
async def test_a_changed_schema_does_not_start(scene: Scene, statement: str) -> None:
    scene.edit(statement)
    with pytest.raises(StartError, match="hint: "):
        async with scene.run():
            pass


async def test_bytes_that_are_no_text_are_refused_and_not_a_crash(scene: Scene) -> None:
    scene.edit("UPDATE versions SET last_four = CAST(X'FFFE' AS TEXT)")
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, scene.credential)


async def test_a_damaged_credential_is_listed_without_its_planted_words_and_can_be_revoked(
    scene: Scene,
) -> None:
    scene.edit("UPDATE versions SET last_four = 'evil'")
    async with scene.run() as vault:
        shown = {row.credential: row for row in (await vault.list(AT)).items}[scene.credential]
        assert (shown.state, shown.last_four, shown.origin) == (CredentialState.DAMAGED, "", "")
        await vault.revoke(AT, scene.credential)
        assert (await vault.notice()).credential == scene.credential
    assert scene.rows("SELECT * FROM credentials") == []
    assert scene.rows("SELECT * FROM versions") == []


async def test_rows_of_another_vault_are_worth_nothing_here(scene: Scene, staged: Scene) -> None:
    with quick_folder("sgh") as name:
        write_assets(Path(name) / "assets")
        credential, ticket, used = await _stage(Path(name))
        other = Scene(Path(name), credential, ticket, used)
        for table in ("credentials", "versions", "keyring", "peppers"):
            scene.put_back(table, other.rows(f"SELECT * FROM {table}"))
    async with scene.run() as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            await vault.open(AT, credential)


ANCHOR_EDITS = {
    "edited": lambda text: text.replace(" keys-", " keyz-"),
    "line removed": lambda text: "".join(
        text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[2:]
    ),
    "two lines cut off": lambda text: "".join(text.splitlines(keepends=True)[:-2]),
    "line repeated": lambda text: text + text.splitlines(keepends=True)[-1],
    "not ours": lambda _text: "anything\n",
    "binary": lambda _text: "\x00\x01\n",
}


@pytest.mark.parametrize("edit", ANCHOR_EDITS.values(), ids=ANCHOR_EDITS.keys())
async def test_an_altered_anchor_does_not_start(scene: Scene, edit: Any) -> None:
    anchor = scene.config.data_dir / "anchor"
    anchor.write_text(edit(anchor.read_text()))
    with pytest.raises(StartError, match="hint: "):
        async with scene.run():
            pass


@pytest.mark.parametrize("name", ["anchor", "vault.db", "kek"])
async def test_a_missing_file_does_not_start_and_is_not_made_anew(scene: Scene, name: str) -> None:
    (scene.config.data_dir / name).unlink()
    with pytest.raises(StartError, match="hint: "):
        async with scene.run():
            pass
    assert not (scene.config.data_dir / name).exists()
