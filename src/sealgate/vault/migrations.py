"""How vault.db came to its present form: numbered steps of literal SQL, each run once.

Counterpart: `schema`, which says the same for queries. A step is never edited once released. A step that
changes a table with a `mac` changes what its MAC covers, so it must seal that table's rows anew.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from sealgate.vault.faults import StartError

STEPS: tuple[tuple[str, ...], ...] = (
    (
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
    ),
)

_VERSION_TABLE = "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT"


def migrate(connection: Connection) -> None:
    """Bring the schema up to date, inside the caller's transaction; raises `StartError` for a newer one."""
    found = _found_version(connection)
    if found > len(STEPS):
        raise StartError(
            "schema_newer",
            f"vault.db has schema {found}, this release knows {len(STEPS)}",
            "run the newer release, or restore the backup made before it",
        )
    for step in STEPS[found:]:
        for statement in step:
            connection.execute(text(statement))
    connection.execute(text("UPDATE schema_version SET version = :version"), {"version": len(STEPS)})


def schema_objects(connection: Connection) -> frozenset[tuple[str, ...]]:
    """Everything that the database file declares; a planted trigger or view shows up in it."""
    rows = connection.execute(text("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"))
    return frozenset(tuple(str(cell) for cell in row) for row in rows)


def _found_version(connection: Connection) -> int:
    known = text("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'")
    if not connection.execute(known).scalar_one():
        connection.execute(text(_VERSION_TABLE))
        connection.execute(text("INSERT INTO schema_version (version) VALUES (0)"))
        return 0
    versions = connection.execute(text("SELECT version FROM schema_version")).scalars().all()
    if len(versions) != 1 or not isinstance(versions[0], int) or versions[0] < 1:
        raise StartError("schema_altered", "vault.db does not tell its schema version", "restore vault.db")
    return versions[0]
