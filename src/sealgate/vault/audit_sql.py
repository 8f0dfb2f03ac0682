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
