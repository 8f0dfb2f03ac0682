"""A vault.db of the first release opens in this one, and nothing in it gets a seal that it had not."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from sealgate.envelope import Context, SealingPrivateKey, SealingPublicKey, seal
from sealgate.ids import new_id
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import (
    CredentialRow,
    Credentials,
    CredentialState,
    ListCredentials,
    Revoke,
    Switch,
)
from sealgate.vault import migrations, rewrapping
from sealgate.vault.carrying import _CREDENTIAL_BEFORE, _KEYRING_BEFORE
from sealgate.vault.datakey import seal_secret
from sealgate.vault.faults import StartError
from sealgate.vault.keks import Keks
from sealgate.vault.keyring import ENROLLED, KeyringRecord, private_context
from tests.vault.deployment import ORIGIN, Addresses, canary_key, owner, ticket_order
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))
KEY = canary_key()
LIVING, REVOKED = new_id("cred"), new_id("cred")


@contextmanager
def first_release() -> Iterator[None]:
    """Within this, the vault knows the first form of its database and no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:1])
        for name in ("adopt", "check_files"):  # its table is younger
            patch.setattr(Keks, name, lambda *_words: None)
        patch.setattr(rewrapping, "WRAPPED", rewrapping.WRAPPED[:2])
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as the first release left it: a key in its third version, and a revoked credential."""
    with first_release(), StillVault(tmp_path) as vault:
        _put(vault, LIVING, version=2, envelope=_sealed(vault, LIVING, 2), state="active")
        _put(vault, LIVING, version=3, envelope=_sealed(vault, LIVING, 3), state="active")
        _put(vault, REVOKED, version=1, envelope=_sealed(vault, REVOKED, 1), state="active")
        _put(vault, REVOKED, version=1, envelope=None, state="revoked", counted=False)
    return tmp_path


def _sealed(vault: StillVault, credential: str, version: int) -> bytes:
    key_id, public = _first_pair(vault)
    context = Context(
        instance=vault.config.instance,
        organization=AT.organization,
        application=AT.application,
        credential=credential,
        version=version,
        provider="openai",
        origin=ORIGIN,
        key_id=key_id,
    )
    return seal(KEY, public, context)


def _first_pair(vault: StillVault) -> tuple[bytes, SealingPublicKey]:
    """The organization's one pair, made at first use, as the first release did."""
    foundation, organization = vault.foundation, AT.organization
    known = foundation.database.row("SELECT key_id, public_key FROM keyring")
    if known is not None:
        return cast(bytes, known[0]), SealingPublicKey(cast(bytes, known[1]))
    private, key_id = SealingPrivateKey.generate(), secrets.token_bytes(16)
    record = KeyringRecord(key_id, organization, 1, 1, private.public.raw, b"", b"", "", 1.0)
    context = private_context(vault.config.instance, record)
    secret = seal_secret(foundation.kek, private.dangerously_to_bytes(), context)
    sealed = (secret.ciphertext, secret.wrapped_data_key, secret.kek_version)
    values = (key_id, organization, 1, private.public.raw, *sealed, 1.0)
    mac = foundation.seal.mac("keyring", _KEYRING_BEFORE, values)
    with foundation.witness.change(organization, 1, ENROLLED) as connection:
        connection.execute("INSERT INTO keyring VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, mac))
        vault.stores.peppers.make(connection, organization)
    return key_id, private.public


def _put(
    vault: StillVault,
    credential: str,
    *,
    version: int,
    envelope: bytes | None,
    state: str,
    counted: bool = True,
) -> None:
    """Write a row as the first release did: it counted versions, and a revocation kept the number."""
    key_id, _public = _first_pair(vault)
    bound = (credential, AT.organization, AT.application, "openai", ORIGIN, version, state)
    mask = (key_id, envelope, "7f3a-91c2", "WXYZ", 1.5 + version, None if envelope else 9.5)
    values = (*bound, *mask)
    mac = vault.foundation.seal.mac("credentials", _CREDENTIAL_BEFORE, values)
    with pytest.MonkeyPatch.context() as patch:
        if not counted:
            patch.setattr(type(vault.foundation.witness), "standing", lambda *_args: None)
        with vault.foundation.witness.change(credential, version, state) as connection:
            marks = ", ".join("?" * (len(values) + 1))
            connection.execute("DELETE FROM credentials WHERE credential = ?", (credential,))
            connection.execute(f"INSERT INTO credentials VALUES ({marks})", (*values, mac))


def listed(vault: StillVault) -> dict[str, CredentialRow]:
    answer = vault.ask(ListCredentials(**owner(AT)))
    assert isinstance(answer, Credentials)
    return {row.credential: row for row in answer.items}


def edit(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def copy_of(folder: Path) -> bytes:
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "data" / "vault.db").read_bytes()


def test_a_key_of_the_first_release_opens_and_can_be_staged_over(folder: Path) -> None:
    for _start in range(2):
        with StillVault(folder) as vault:
            assert vault.opens(AT, LIVING) == vault.opens(AT, LIVING, 3) == KEY
            row = listed(vault)[LIVING]
            assert (row.version, row.last_four, row.deposited_at) == (3, "WXYZ", 4.5)
            assert [(each.version, each.standing) for each in row.versions] == [(3, "active")]
    with StillVault(folder) as vault:
        newer = canary_key()
        vault.deposit(ticket_order(AT, LIVING, stage=True), newer)
        vault.ask(Switch(**owner(AT), credential=LIVING))
        assert (vault.opens(AT, LIVING), vault.opens(AT, LIVING, 3)) == (newer, KEY)


def test_a_revoked_credential_of_the_first_release_stays_revoked(folder: Path) -> None:
    with StillVault(folder) as vault:
        row = listed(vault)[REVOKED]
        assert (row.state, row.revoked_at, row.last_four) == (CredentialState.REVOKED, 9.5, "WXYZ")
        with pytest.raises(RefusedError, match="credential_revoked"):
            vault.opens(AT, REVOKED)


EDITS = {
    "destination": "UPDATE credentials SET origin = 'https://simulator.localhost:8705'",
    "owner": f"UPDATE credentials SET organization = '{new_id('org')}'",
    "version": "UPDATE credentials SET version = 2",
    "mask": "UPDATE credentials SET last_four = 'evil'",
    "mac": "UPDATE credentials SET mac = x''",
    "brought back to life": "UPDATE credentials SET state = 'active', revoked_at = NULL",
}


@pytest.mark.parametrize("statement", EDITS.values(), ids=EDITS)
def test_an_edited_row_is_not_sealed_by_the_upgrade(folder: Path, statement: str) -> None:
    edit(folder, statement)
    with StillVault(folder) as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            vault.opens(AT, REVOKED if "active" in statement else LIVING)
        assert "alarm_row table=credentials" in vault.log.getvalue()
        vault.ask(Revoke(**owner(AT), credential=LIVING))


def test_a_row_restored_before_the_upgrade_is_not_sealed_by_it(folder: Path, tmp_path: Path) -> None:
    rows = "SELECT * FROM credentials"
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection:
        old = connection.execute(rows).fetchall()
    with first_release(), StillVault(folder) as vault:
        _put(vault, LIVING, version=4, envelope=_sealed(vault, LIVING, 4), state="active")
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection, connection:
        connection.execute("DELETE FROM credentials")
        connection.executemany(f"INSERT INTO credentials VALUES ({','.join('?' * 14)})", old)
    with StillVault(folder) as vault, pytest.raises(RefusedError, match="credential_damaged"):
        vault.opens(AT, LIVING)


def test_the_old_form_put_back_after_the_upgrade_is_not_sealed_again(folder: Path) -> None:
    old = folder / "old.db"
    old.write_bytes(copy_of(folder))
    with StillVault(folder) as vault:
        vault.deposit(ticket_order(AT, LIVING), canary_key())
    with StillVault(folder):
        pass
    names = ("credentials", "keyring", "tickets", "versions")
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection:
        # Everything of the old file but its mark, which would give it away.
        connection.execute("ATTACH ? AS old", (str(old),))
        declared = connection.execute(
            "SELECT sql FROM old.sqlite_schema"
            " WHERE tbl_name IN ('credentials', 'keyring', 'tickets') AND sql NOT NULL"
        ).fetchall()
        for name in names:
            connection.execute(f"DROP TABLE {name}")
        for (statement,) in declared:
            connection.execute(statement)
        for name in ("credentials", "keyring"):
            connection.execute(f"INSERT INTO {name} SELECT * FROM old.{name}")
        newer = (
            "SELECT name FROM sqlite_schema WHERE type = 'table' EXCEPT SELECT name FROM old.sqlite_schema"
        )
        for (name,) in connection.execute(newer.format("sqlite_schema")).fetchall():
            connection.execute(f"DROP TABLE {name}")
        connection.execute("UPDATE schema_version SET version = 1")
        connection.commit()
    with pytest.raises(StartError, match="keks"):
        StillVault(folder)
    # Its table of KEKs gives the file away already; the upgrade must not seal its rows all the same.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keks, "adopt", lambda *_words: None)
        with StillVault(folder) as vault:
            with pytest.raises(RefusedError, match="credential_damaged"):
                vault.opens(AT, LIVING)
            assert "alarm_row" in vault.log.getvalue()


def test_a_sealing_key_of_the_first_release_gets_a_second_suite_beside_it(folder: Path) -> None:
    with StillVault(folder) as vault:
        before = vault.stores.keyring.newest(AT.organization)
        vault.deposit(ticket_order(AT), canary_key())
        after = vault.stores.keyring.newest(AT.organization)
        assert [pair.suite for pair in before.pairs] == [1]
        assert [(pair.suite, pair.epoch) for pair in after.pairs] == [(1, 1), (2, 1)]
        assert after.preferred == before.preferred
        assert vault.opens(AT, LIVING) == KEY


def test_an_edited_sealing_key_is_not_sealed_by_the_upgrade(folder: Path) -> None:
    edit(folder, "UPDATE keyring SET made_at = made_at + 1")
    with StillVault(folder) as vault:
        assert "alarm_row table=keyring" in vault.log.getvalue()
        with pytest.raises(RefusedError, match="credential_damaged"):
            vault.ask(ticket_order(AT))


def test_an_old_file_put_back_as_a_whole_is_refused(folder: Path) -> None:
    old = copy_of(folder)
    with StillVault(folder) as vault:
        vault.deposit(ticket_order(AT, LIVING), canary_key())
        vault.deposit(ticket_order(AT, LIVING), canary_key())
    (folder / "data" / "vault.db").write_bytes(old)
    with pytest.raises(StartError, match="old copy"):
        StillVault(folder)


@pytest.mark.parametrize(
    "place",
    [
        "sealgate.vault.carrying._insert",
        "sealgate.vault.carrying._version",
        "sealgate.vault.database.Database.forget",
    ],
)
def test_an_upgrade_that_breaks_off_is_done_by_the_next_start(folder: Path, place: str) -> None:
    def power_cut(*_args: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, power_cut)
        with pytest.raises(KeyboardInterrupt):
            StillVault(folder)
    with StillVault(folder) as vault:
        assert vault.opens(AT, LIVING) == KEY


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER keep AFTER DELETE ON credentials BEGIN SELECT 1; END",
        "CREATE TABLE versions (x TEXT)",
        "DROP TABLE tickets",
    ],
)
def test_an_altered_schema_of_the_first_release_is_refused_before_it_is_upgraded(
    folder: Path, statement: str
) -> None:
    edit(folder, statement)
    before = copy_of(folder)
    with pytest.raises(StartError) as refused:
        StillVault(folder)
    assert refused.value.code == "schema_altered"
    assert copy_of(folder) == before
