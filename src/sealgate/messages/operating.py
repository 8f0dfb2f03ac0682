"""Operators and vault: what the commands of the vault's own machine may ask, over `vault-operator.sock`.

Counterparts: the vault's `operator`, and `sealgate.scripts.operating`, which asks. No message carries a key,
a KEK, a PIN or a token.
"""

from __future__ import annotations

import msgspec

from sealgate.messages.administering import AdministeringReply, AdministeringRequest
from sealgate.messages.auditing import AuditReply, AuditRequest
from sealgate.messages.checking import CheckRows, RowsChecked
from sealgate.messages.erasing import ErasureReply, ErasureRequest
from sealgate.messages.frames import Message

OPERATOR_SOCKET = "vault-operator.sock"


class AskKeks(Message, frozen=True, tag="ask-keks"):
    """Ask for every KEK version. Answer: `KekReport`."""


class RotateKek(Message, frozen=True, tag="rotate-kek"):
    """Make a new KEK version at the same provider, and wrap everything by it. Answer: `KekReport`."""

    key: str = ""
    """A key that exists there already (label, ARN, name); empty: make one."""


class MigrateKek(Message, frozen=True, tag="migrate-kek"):
    """The same at another provider. Answer: `KekReport`."""

    to: str
    key: str = ""


class DestroyKek(Message, frozen=True, tag="destroy-kek"):
    """Destroy a version that nothing is wrapped by. Answer: `KekReport`, or `ApprovalsMissing`."""

    version: str


class RotateSealingKeys(Message, frozen=True, tag="rotate-sealing-keys"):
    """Begin a new epoch of sealing keys. Answer: `SealingKeysRotated`."""

    organization: str = ""
    """Empty: every organization's, one after the other while the vault works."""


class SealingKeysRotated(Message, frozen=True, tag="sealing-keys-rotated"):
    """What began."""

    waiting: int
    """Organizations that are still to come; 0 for one that was named."""
    epoch: int = 0
    fingerprint: str = ""
    """Of the new keys, in words; of an organization that was named."""


class InspectVault(Message, frozen=True, tag="inspect-vault"):
    """Ask what the vault holds. Answer: `VaultInspected`."""

    envelope: str = ""
    """The text form of an envelope to explain; empty: none."""
    organization: str = ""
    """Only this one's sealing keys; empty: everybody's, the first few hundred."""


class PairInspected(msgspec.Struct, frozen=True):
    """One sealing key pair, without its private half."""

    key_id: str
    """Hexadecimal, as the next."""
    organization: str
    epoch: int
    suite: int
    public_key: str
    made_at: float
    kek: str
    """The KEK version that wraps its private half."""
    envelopes: int
    """Stored keys that are sealed to it."""
    verifies: bool
    """False: the row was edited outside the vault, and is not used."""


class EnvelopeInspected(msgspec.Struct, frozen=True):
    """What an envelope says of itself, and what the vault knows of it; nothing in it was opened."""

    format_version: int
    suite: int
    suite_name: str
    bytes: int
    key_id: str
    pair: PairInspected | None
    """The pair that it is sealed to; None: not this vault's, or destroyed."""
    credential: str
    """Where it is stored here, and what it is bound to there; empty: it is not."""
    version: int
    application: str
    destination: str


class VaultInspected(Message, frozen=True, tag="vault-inspected"):
    """Answer to `InspectVault`."""

    instance: str
    kek: str
    rows: dict[str, int]
    pairs: tuple[PairInspected, ...]
    more_pairs: int
    envelope: EnvelopeInspected | None
    stuck: tuple[str, ...] = ()
    """Organizations, or `all`, whose deposits need an approval that nobody who is enrolled could give."""


class KekVersion(msgspec.Struct, frozen=True):
    """One KEK version."""

    version: str
    provider: str
    state: str
    """`current`, `live`, `destroying` or `destroyed`."""
    details: dict[str, str]
    """Where its key is; nothing secret."""
    made_at: float
    destroyed_at: float | None
    """When its destruction is final, Unix seconds."""
    rows: int
    """Rows of vault.db that name it."""
    health: str
    """`ok`, `gone`, or why it cannot be used now."""


class KekReport(Message, frozen=True, tag="kek-report"):
    """The ring, oldest version first."""

    items: tuple[KekVersion, ...]
    rewrapping: bool
    """True while rows are being wrapped anew."""
    left: int
    """Rows that name another version than the current one."""
    fault: str = ""
    """What the last try ended with; it is repeated by itself."""


class AskReceiptKey(Message, frozen=True, tag="ask-receipt-key"):
    """Ask for the public half of the key that signs receipts of erasure. Answer: `ReceiptKeyShown`."""


class ReceiptKeyShown(Message, frozen=True, tag="receipt-key"):
    """The public half, 32 bytes as base64url."""

    public_key: str


OperatorRequest = (
    AskKeks
    | RotateKek
    | MigrateKek
    | DestroyKek
    | InspectVault
    | RotateSealingKeys
    | AskReceiptKey
    | CheckRows
    | ErasureRequest
    | AdministeringRequest
    | AuditRequest
)
OperatorReply = (
    KekReport
    | VaultInspected
    | SealingKeysRotated
    | ReceiptKeyShown
    | RowsChecked
    | ErasureReply
    | AdministeringReply
    | AuditReply
)
