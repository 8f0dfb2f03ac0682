"""The tables of erasure, as `migrations` makes them: what was erased, and the key that signs for it.

Counterpart: `schema`, which says the same for queries. Never edited once released.
"""

from __future__ import annotations

ERASURE_TABLES: tuple[str, ...] = (
    """CREATE TABLE receipt_key (
            public_key BLOB NOT NULL PRIMARY KEY,
            ciphertext BLOB NOT NULL,
            wrapped_data_key BLOB NOT NULL,
            kek_version TEXT NOT NULL,
            made_at REAL NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
    """CREATE TABLE erasures (
            receipt TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            organization TEXT NOT NULL,
            application TEXT NOT NULL,
            began_at REAL NOT NULL,
            erased_at REAL,
            final_by REAL NOT NULL,
            sealing_keys_gone_at REAL,
            noted INTEGER NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
    """CREATE TABLE erased_versions (
            receipt TEXT NOT NULL,
            credential TEXT NOT NULL,
            version INTEGER NOT NULL,
            key_id BLOB NOT NULL,
            envelope_hash TEXT NOT NULL,
            mac BLOB NOT NULL,
            PRIMARY KEY (receipt, credential, version)
        ) STRICT""",
    "CREATE INDEX erased_versions_by_credential ON erased_versions (credential)",
    "CREATE INDEX credentials_by_organization ON credentials (organization)",
)
