"""How vault.db came to its present form: numbered steps of literal SQL, each run once.

Counterpart: `schema`, which says the same for queries. A step is never edited once released. A step that
changes a table with a `mac` changes what its MAC covers: `carrying` seals that table's rows anew, those that
verify and no others.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from sealgate.vault.administrator_sql import ADMINISTRATOR_TABLES
from sealgate.vault.audit_sql import AUDIT_TABLES, OPENS_TABLES
from sealgate.vault.carrying import Proof, carry_credentials, carry_keyring
from sealgate.vault.connection import Connection
from sealgate.vault.erasure_sql import ERASURE_TABLES
from sealgate.vault.faults import StartError

__all__ = ["STEPS", "Proof", "Step", "found_version", "make_schema", "schema_objects", "upgrade"]


class Step(Struct, frozen=True):
    """Statements, then the rows that are carried over, then the statements that clear up."""

    make: tuple[str, ...]
    carry: Callable[[Connection, Proof], None] | None = None
    clear: tuple[str, ...] = ()


_FOUNDING = Step(
    make=(
        """CREATE TABLE root (
            instance TEXT NOT NULL PRIMARY KEY,
            ciphertext BLOB NOT NULL,
            wrapped_data_key BLOB NOT NULL,
            kek_version TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE mark (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            number INTEGER NOT NULL,
            subject TEXT NOT NULL,
            version INTEGER NOT NULL,
            state TEXT NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE keyring (
            key_id BLOB NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            public_key BLOB NOT NULL,
            ciphertext BLOB NOT NULL,
            wrapped_data_key BLOB NOT NULL,
            kek_version TEXT NOT NULL,
            made_at REAL NOT NULL,
            mac BLOB NOT NULL,
            UNIQUE (organization, epoch)
        ) STRICT""",
        """CREATE TABLE peppers (
            organization TEXT NOT NULL PRIMARY KEY,
            ciphertext BLOB NOT NULL,
            wrapped_data_key BLOB NOT NULL,
            kek_version TEXT NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
        """CREATE TABLE tickets (
            ticket_hash BLOB NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            organization_name TEXT NOT NULL,
            application TEXT NOT NULL,
            application_name TEXT NOT NULL,
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            credential TEXT NOT NULL,
            version INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            expires_at REAL NOT NULL,
            used_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX tickets_by_application ON tickets (application)",
        """CREATE TABLE credentials (
            credential TEXT NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            application TEXT NOT NULL,
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            version INTEGER NOT NULL,
            state TEXT NOT NULL,
            key_id BLOB NOT NULL,
            envelope BLOB,
            fingerprint TEXT NOT NULL,
            last_four TEXT NOT NULL,
            deposited_at REAL NOT NULL,
            revoked_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX credentials_by_application ON credentials (application)",
        """CREATE TABLE opens (
            credential TEXT NOT NULL PRIMARY KEY,
            count INTEGER NOT NULL,
            last_opened_at REAL NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
    )
)

_VERSIONS = Step(
    make=(
        # Tickets live for minutes: who had one asks the console for another.
        "DROP TABLE tickets",
        """CREATE TABLE tickets (
            ticket_hash BLOB NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            organization_name TEXT NOT NULL,
            application TEXT NOT NULL,
            application_name TEXT NOT NULL,
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            credential TEXT NOT NULL,
            version INTEGER NOT NULL,
            stage INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            expires_at REAL NOT NULL,
            used_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX tickets_by_application ON tickets (application)",
        "DROP INDEX credentials_by_application",
        "ALTER TABLE credentials RENAME TO credentials_before",
        """CREATE TABLE credentials (
            credential TEXT NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            application TEXT NOT NULL,
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            state TEXT NOT NULL,
            revision INTEGER NOT NULL,
            newest INTEGER NOT NULL,
            active INTEGER NOT NULL,
            staged INTEGER,
            previous INTEGER,
            revoked_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX credentials_by_application ON credentials (application)",
        """CREATE TABLE versions (
            credential TEXT NOT NULL,
            version INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            envelope BLOB,
            fingerprint TEXT NOT NULL,
            last_four TEXT NOT NULL,
            deposited_at REAL NOT NULL,
            mac BLOB NOT NULL,
            PRIMARY KEY (credential, version)
        ) STRICT""",
    ),
    carry=carry_credentials,
    clear=("DROP TABLE credentials_before",),
)

_SUITES = Step(
    make=(
        "ALTER TABLE keyring RENAME TO keyring_before",
        """CREATE TABLE keyring (
            key_id BLOB NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            suite INTEGER NOT NULL,
            public_key BLOB NOT NULL,
            ciphertext BLOB NOT NULL,
            wrapped_data_key BLOB NOT NULL,
            kek_version TEXT NOT NULL,
            made_at REAL NOT NULL,
            mac BLOB NOT NULL,
            UNIQUE (organization, epoch, suite)
        ) STRICT""",
        # Which keys are still sealed to a pair is asked for each time that an old one might go.
        "CREATE INDEX versions_by_key ON versions (key_id)",
    ),
    carry=carry_keyring,
    clear=("DROP TABLE keyring_before",),
)

_KEKS = Step(
    make=(
        """CREATE TABLE keks (
            version TEXT NOT NULL PRIMARY KEY,
            description TEXT NOT NULL,
            state TEXT NOT NULL,
            made_at REAL NOT NULL,
            destroyed_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
    )
)

_ERASURE = Step(make=ERASURE_TABLES)

_ADMINISTRATORS = Step(make=ADMINISTRATOR_TABLES)

_AUDIT = Step(make=AUDIT_TABLES)

_OPENS = Step(make=OPENS_TABLES)

STEPS: tuple[Step, ...] = (_FOUNDING, _VERSIONS, _KEKS, _SUITES, _ERASURE, _ADMINISTRATORS, _AUDIT, _OPENS)

_VERSION_TABLE = "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT"


def make_schema(connection: Connection, version: int | None = None) -> None:
    """The schema, or what it was at an earlier version, in an empty database and the caller's transaction."""
    version = len(STEPS) if version is None else version
    connection.execute(_VERSION_TABLE)
    connection.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))
    for step in STEPS[:version]:
        _execute(connection, (*step.make, *step.clear))


def upgrade(connection: Connection, proof: Proof) -> None:
    """Run the steps that are missing, inside the caller's transaction."""
    for step in STEPS[found_version(connection) :]:
        _execute(connection, step.make)
        if step.carry is not None:
            step.carry(connection, proof)
        _execute(connection, step.clear)
    connection.execute("UPDATE schema_version SET version = ?", (len(STEPS),))


def found_version(connection: Connection) -> int:
    """The version of a database that is not empty; raises `StartError` for a newer one or none."""
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'"
    versions: list[object] = []
    if connection.execute(known).fetchone():
        versions = [version for (version,) in connection.execute("SELECT version FROM schema_version")]
    if len(versions) != 1 or not isinstance(versions[0], int) or versions[0] < 1:
        raise StartError("schema_altered", "vault.db does not tell its schema version", "restore vault.db")
    if versions[0] > len(STEPS):
        raise StartError(
            "schema_newer",
            f"vault.db has schema {versions[0]}, this release knows {len(STEPS)}",
            "run the newer release, or restore the backup made before it",
        )
    return versions[0]


def schema_objects(connection: Connection) -> frozenset[tuple[str, ...]]:
    """Everything that the database file declares; a planted trigger or view shows up in it."""
    rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
    return frozenset(tuple(str(cell) for cell in row) for row in rows)


def _execute(connection: Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)
