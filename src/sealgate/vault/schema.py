"""The vault's tables, with their columns in order and the statements that all need; `migrations` makes them.

Every table but `schema_version` and `root` ends in `mac`, which only the holder of the KEK can make
(`rowseal`). No column holds a provider key, a private key, a pepper or a ticket in the clear. Whatever is
put into a statement here is a name from this file or a literal from ours; values are always bound.
"""

from __future__ import annotations


class Table:
    """A table's name and columns. The first `keys` of them are its primary key."""

    __slots__ = ("columns", "insert", "key", "listed", "name", "replace")

    def __init__(self, name: str, *columns: str, keys: int = 1) -> None:
        self.name = name
        self.columns = columns
        self.key = columns[:keys]
        self.listed = ", ".join(f"{name}.{column}" for column in columns)
        values = (
            f"INTO {name} ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
        )
        self.insert = f"INSERT {values}"
        self.replace = f"INSERT OR REPLACE {values}"

    def select(self, rest: str = "") -> str:
        """Every column of some rows."""
        return f"SELECT {self.listed} FROM {self.name} {rest}"

    def count(self, rest: str = "") -> str:
        """How many rows there are."""
        return f"SELECT count(*) FROM {self.name} {rest}"

    def page(self, which: str = "TRUE") -> str:
        """Row ids and every column of some rows, by their ids: `:most` of those behind `:after`."""
        return (
            f"SELECT {self.name}.rowid, {self.listed} FROM {self.name} WHERE rowid > :after AND {which}"
            " ORDER BY rowid LIMIT :most"
        )

    def update(self, rest: str = "") -> str:
        """Every column of some rows anew."""
        return f"UPDATE {self.name} SET {', '.join(f'{each} = :{each}' for each in self.columns)} {rest}"

    def put(self, *changed: str) -> str:
        """A row; where its key is taken, these columns of the row that is there."""
        anew = ", ".join(f"{each} = excluded.{each}" for each in changed)
        return f"{self.insert} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {anew}"

    def delete(self, rest: str = "") -> str:
        """Some rows, no more."""
        return f"DELETE FROM {self.name} {rest}"


ROOT = Table(
    "root",
    "instance",
    "ciphertext",
    "wrapped_data_key",
    "kek_version",
)

MARK = Table(
    "mark",
    "id",
    "number",
    "subject",
    "version",
    "state",
    "mac",
)

KEYRING = Table(
    "keyring",
    "key_id",
    "organization",
    "epoch",
    "suite",
    "public_key",
    "ciphertext",
    "wrapped_data_key",
    "kek_version",
    "made_at",
    "mac",
)

PEPPERS = Table(
    "peppers",
    "organization",
    "ciphertext",
    "wrapped_data_key",
    "kek_version",
    "mac",
)

TICKETS = Table(
    "tickets",
    "ticket_hash",
    "organization",
    "organization_name",
    "application",
    "application_name",
    "provider",
    "origin",
    "credential",
    "version",
    "stage",
    "key_id",
    "expires_at",
    "used_at",
    "mac",
)

CREDENTIALS = Table(
    "credentials",
    "credential",
    "organization",
    "application",
    "provider",
    "origin",
    "state",
    "revision",
    "newest",
    "active",
    "staged",
    "previous",
    "revoked_at",
    "mac",
)

VERSIONS = Table(
    "versions",
    "credential",
    "version",
    "revision",
    "key_id",
    "envelope",
    "fingerprint",
    "last_four",
    "deposited_at",
    "mac",
    keys=2,
)

OPENS = Table(
    "opens",
    "credential",
    "count",
    "last_opened_at",
    "mac",
)

KEKS = Table(
    "keks",
    "version",
    "description",
    "state",
    "made_at",
    "destroyed_at",
    "mac",
)

RECEIPT_KEY = Table(
    "receipt_key",
    "public_key",
    "ciphertext",
    "wrapped_data_key",
    "kek_version",
    "made_at",
    "mac",
)

ERASURES = Table(
    "erasures",
    "receipt",
    "kind",
    "subject",
    "organization",
    "application",
    "began_at",
    "erased_at",
    "final_by",
    "sealing_keys_gone_at",
    "noted",
    "mac",
)

ERASED_VERSIONS = Table(
    "erased_versions",
    "receipt",
    "credential",
    "version",
    "key_id",
    "envelope_hash",
    "mac",
    keys=3,
)

ADMINISTRATORS = Table(
    "administrators",
    "administrator",
    "name",
    "organization",
    "state",
    "revision",
    "passkeys",
    "made_at",
    "invitation_hash",
    "invitation_expires_at",
    "invitation_approved",
    "mac",
)

PASSKEYS = Table(
    "passkeys",
    "passkey",
    "administrator",
    "revision",
    "public_key",
    "counter",
    "transports",
    "enrolled_at",
    "used_at",
    "mac",
)

PROPOSALS = Table(
    "proposals",
    "proposal",
    "link_hash",
    "action",
    "subject",
    "state",
    "revision",
    "approvals",
    "proposed_at",
    "expires_at",
    "mac",
)

APPROVALS = Table(
    "approvals",
    "proposal",
    "administrator",
    "revision",
    "name",
    "passkey",
    "approved_at",
    "mac",
    keys=2,
)

OPENS_BY_HOUR = Table(
    "opens_by_hour",
    "hour",
    "credential",
    "uid",
    "proxy",
    "minutes",
    "mac",
    keys=4,
)

AUDIT = Table(
    "audit",
    "number",
    "at",
    "event",
    "details",
    "before",
    "mac",
)

_SEALED = (
    ADMINISTRATORS,
    APPROVALS,
    AUDIT,
    CREDENTIALS,
    ERASED_VERSIONS,
    ERASURES,
    KEKS,
    KEYRING,
    MARK,
    OPENS,
    OPENS_BY_HOUR,
    PASSKEYS,
    PEPPERS,
    PROPOSALS,
    RECEIPT_KEY,
    TICKETS,
    VERSIONS,
)


def sealed_tables() -> tuple[Table, ...]:
    """Every table whose rows carry a MAC, as its last column."""
    return _SEALED
