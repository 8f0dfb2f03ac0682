"""The tables of administrators, as `migrations` makes them: people, their passkeys, proposals, approvals.

Counterpart: `schema`, which says the same for queries. Never edited once released.
"""

from __future__ import annotations

ADMINISTRATOR_TABLES: tuple[str, ...] = (
    """CREATE TABLE administrators (
            administrator TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            organization TEXT NOT NULL,
            state TEXT NOT NULL,
            revision INTEGER NOT NULL,
            passkeys INTEGER NOT NULL,
            made_at REAL NOT NULL,
            invitation_hash BLOB,
            invitation_expires_at REAL,
            invitation_approved INTEGER NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
    """CREATE TABLE passkeys (
            passkey BLOB NOT NULL PRIMARY KEY,
            administrator TEXT NOT NULL,
            revision INTEGER NOT NULL,
            public_key BLOB NOT NULL,
            counter INTEGER NOT NULL,
            transports TEXT NOT NULL,
            enrolled_at REAL NOT NULL,
            used_at REAL,
            mac BLOB NOT NULL
        ) STRICT""",
    """CREATE TABLE proposals (
            proposal TEXT NOT NULL PRIMARY KEY,
            link_hash BLOB NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            state TEXT NOT NULL,
            revision INTEGER NOT NULL,
            approvals INTEGER NOT NULL,
            proposed_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            mac BLOB NOT NULL
        ) STRICT""",
    """CREATE TABLE approvals (
            proposal TEXT NOT NULL,
            administrator TEXT NOT NULL,
            revision INTEGER NOT NULL,
            name TEXT NOT NULL,
            passkey BLOB NOT NULL,
            approved_at REAL NOT NULL,
            mac BLOB NOT NULL,
            PRIMARY KEY (proposal, administrator)
        ) STRICT""",
)
