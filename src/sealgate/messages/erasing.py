"""Erasure: what console and operators may have the vault destroy for good, and the receipts for it.

Counterparts: the vault's `erasures`; `tickets` and `operating`, in whose conversations these messages stand.
No message carries a key or a mask.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sealgate.messages.frames import Message


class ErasureKind(StrEnum):
    """What is erased."""

    CREDENTIAL = "credential"
    APPLICATION = "application"
    ORGANIZATION = "organization"


class Erase(Message, frozen=True, tag="erase"):
    """Destroy everything of a credential, an application or an organization. Answer: `Erased`.

    Nothing can come in again under that id. Asked again, it gives the same receipt.
    """

    kind: ErasureKind
    subject: str
    """Its id."""
    organization: str = ""
    """Whose it is; the console always says so, an operator need not."""
    application: str = ""
    """Of a credential: the same."""


class AskReceipt(Message, frozen=True, tag="ask-receipt"):
    """Ask for one receipt, signed anew as things stand now. Answer: `Erased`."""

    receipt: str
    organization: str = ""


class AskReceipts(Message, frozen=True, tag="ask-receipts"):
    """Ask for every receipt, newest first. Answer: `Receipts`."""

    organization: str = ""
    """Only this one's; empty, for operators: everybody's."""


class ErasureRow(msgspec.Struct, frozen=True):
    """One erasure, and how far it is from being final. Times are Unix seconds."""

    receipt: str
    kind: ErasureKind
    subject: str
    organization: str
    """Empty where no sound row told whose it was."""
    application: str
    began_at: float
    erased_at: float | None
    """When the last row was destroyed; None: the vault is still at it."""
    credentials: int
    versions: int
    final_by: float
    """The day until which operators promised to destroy what could still open a backup."""
    final_at: float | None
    """From when on no backup can bring a key back; None: not yet."""
    waits_for: tuple[str, ...]
    """What stands between it and that: `rows`, `sealing-keys`, and KEK versions."""


class Erased(Message, frozen=True, tag="erased"):
    """An erasure and its receipt."""

    erasure: ErasureRow
    signed: str
    """The receipt as a file has it; empty while the vault is still at it, or cannot use its KEK."""


class Receipts(Message, frozen=True, tag="receipts"):
    """Every erasure that was asked for, newest first."""

    items: tuple[ErasureRow, ...]


ErasureRequest = Erase | AskReceipt | AskReceipts
ErasureReply = Erased | Receipts
