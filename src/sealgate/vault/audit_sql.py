"""The tables of the vault's audit, as `migrations` makes them.

Counterpart: `schema`, which says the same for queries. Never edited once released.
"""

from __future__ import annotations

AUDIT_TABLES: tuple[str, ...] = (
    """CREATE TABLE audit (
            number INTEGER NOT NULL PRIMARY KEY,
            at REAL NOT NULL,
            event TEXT NOT NULL,
            details TEXT NOT NULL,
            before BLOB NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
)

OPENS_TABLES: tuple[str, ...] = (
    """CREATE TABLE opens_by_hour (
            hour INTEGER NOT NULL,
            credential TEXT NOT NULL,
            uid INTEGER NOT NULL,
            proxy TEXT NOT NULL,
            minutes BLOB NOT NULL,
            mac BLOB NOT NULL,
            PRIMARY KEY (hour, credential, uid, proxy)
        ) STRICT""",
    "CREATE INDEX opens_by_hour_of_credential ON opens_by_hour (credential)",
)
