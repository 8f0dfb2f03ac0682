"""The vault's tables, as SQLAlchemy Core sees them; `migrations` makes them, literally.

Every table but `schema_version` and `root` ends in `mac`, which only the holder of the KEK can make
(`rowseal`). No column holds a provider key, a private key, a pepper or a ticket in the clear.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, Table, Text

_metadata = MetaData()


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _integer(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, Integer, primary_key=key, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[float]:
    """Unix seconds."""
    return Column(name, Float, nullable=null)


def _bytes(name: str, *, key: bool = False, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=null)


ROOT = Table(
    "root",
    _metadata,
    _text("instance", key=True),
    _bytes("ciphertext"),
    _bytes("wrapped_data_key"),
    _text("kek_version"),
)

MARK = Table(
    "mark",
    _metadata,
    _integer("id", key=True),
    _integer("number"),
    _text("subject"),
    _integer("version"),
    _text("state"),
    _bytes("mac"),
)

KEYRING = Table(
    "keyring",
    _metadata,
    _bytes("key_id", key=True),
    _text("organization"),
    _integer("epoch"),
    _integer("suite"),
    _bytes("public_key"),
    _bytes("ciphertext"),
    _bytes("wrapped_data_key"),
    _text("kek_version"),
    _time("made_at"),
    _bytes("mac"),
)

PEPPERS = Table(
    "peppers",
    _metadata,
    _text("organization", key=True),
    _bytes("ciphertext"),
    _bytes("wrapped_data_key"),
    _text("kek_version"),
    _bytes("mac"),
)

TICKETS = Table(
    "tickets",
    _metadata,
    _bytes("ticket_hash", key=True),
    _text("organization"),
    _text("organization_name"),
    _text("application"),
    _text("application_name"),
    _text("provider"),
    _text("origin"),
    _text("credential"),
    _integer("version"),
    _integer("stage"),
    _bytes("key_id"),
    _time("expires_at"),
    _time("used_at", null=True),
    _bytes("mac"),
)

CREDENTIALS = Table(
    "credentials",
    _metadata,
    _text("credential", key=True),
    _text("organization"),
    _text("application"),
    _text("provider"),
    _text("origin"),
    _text("state"),
    _integer("revision"),
    _integer("newest"),
    _integer("active"),
    _integer("staged", null=True),
    _integer("previous", null=True),
    _time("revoked_at", null=True),
    _bytes("mac"),
)

VERSIONS = Table(
    "versions",
    _metadata,
    _text("credential", key=True),
    _integer("version", key=True),
    _integer("revision"),
    _bytes("key_id"),
    _bytes("envelope", null=True),
    _text("fingerprint"),
    _text("last_four"),
    _time("deposited_at"),
    _bytes("mac"),
)

OPENS = Table(
    "opens",
    _metadata,
    _text("credential", key=True),
    _integer("count"),
    _time("last_opened_at"),
    _bytes("mac"),
)

KEKS = Table(
    "keks",
    _metadata,
    _text("version", key=True),
    _text("description"),
    _text("state"),
    _time("made_at"),
    _time("destroyed_at", null=True),
    _bytes("mac"),
)

RECEIPT_KEY = Table(
    "receipt_key",
    _metadata,
    _bytes("public_key", key=True),
    _bytes("ciphertext"),
    _bytes("wrapped_data_key"),
    _text("kek_version"),
    _time("made_at"),
    _bytes("mac"),
)

ERASURES = Table(
    "erasures",
    _metadata,
    _text("receipt", key=True),
    _text("kind"),
    _text("subject"),
    _text("organization"),
    _text("application"),
    _time("began_at"),
    _time("erased_at", null=True),
    _time("final_by"),
    _time("sealing_keys_gone_at", null=True),
    _integer("noted"),
    _bytes("mac"),
)

ERASED_VERSIONS = Table(
    "erased_versions",
    _metadata,
    _text("receipt", key=True),
    _text("credential", key=True),
    _integer("version", key=True),
    _bytes("key_id"),
    _text("envelope_hash"),
    _bytes("mac"),
)

ADMINISTRATORS = Table(
    "administrators",
    _metadata,
    _text("administrator", key=True),
    _text("name"),
    _text("organization"),
    _text("state"),
    _integer("revision"),
    _integer("passkeys"),
    _time("made_at"),
    _bytes("invitation_hash", null=True),
    _time("invitation_expires_at", null=True),
    _integer("invitation_approved"),
    _bytes("mac"),
)

PASSKEYS = Table(
    "passkeys",
    _metadata,
    _bytes("passkey", key=True),
    _text("administrator"),
    _integer("revision"),
    _bytes("public_key"),
    _integer("counter"),
    _text("transports"),
    _time("enrolled_at"),
    _time("used_at", null=True),
    _bytes("mac"),
)

PROPOSALS = Table(
    "proposals",
    _metadata,
    _text("proposal", key=True),
    _bytes("link_hash"),
    _text("action"),
    _text("subject"),
    _text("state"),
    _integer("revision"),
    _integer("approvals"),
    _time("proposed_at"),
    _time("expires_at"),
    _bytes("mac"),
)

APPROVALS = Table(
    "approvals",
    _metadata,
    _text("proposal", key=True),
    _text("administrator", key=True),
    _integer("revision"),
    _text("name"),
    _bytes("passkey"),
    _time("approved_at"),
    _bytes("mac"),
)


def sealed_tables() -> tuple[Table, ...]:
    """Every table whose rows carry a MAC, as its last column."""
    return tuple(table for table in _metadata.sorted_tables if "mac" in table.c)


OPENS_BY_HOUR = Table(
    "opens_by_hour",
    _metadata,
    _integer("hour", key=True),
    _text("credential", key=True),
    _integer("uid", key=True),
    _text("proxy", key=True),
    _bytes("minutes"),
    _bytes("mac"),
)

AUDIT = Table(
    "audit",
    _metadata,
    _integer("number", key=True),
    _time("at"),
    _text("event"),
    _text("details"),
    _bytes("before"),
    _bytes("mac"),
)
