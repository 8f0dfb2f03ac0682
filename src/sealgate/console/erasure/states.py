"""Where an erasure stands, in words: what its receipt waits for, and what an operator does about it.

Pure. Counterpart: the vault's `finality`, whose word decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from sealgate.console.erasure.models import ErasureOrder
from sealgate.messages.erasing import ErasureRow

_WAITS = {
    "rows": "the vault is still destroying rows; nothing of it opens any more",
    "sealing-keys": "sealing keys that it was sealed to are still in use; the vault ends them by itself",
}


class Standing(StrEnum):
    """One word for where an erasure stands."""

    ORDERED = "ordered"  # the vault has not answered yet
    ERASING = "erasing"
    ERASED = "erased"
    OVERDUE = "overdue"  # erased, past its day, and a backup could still be opened
    FINAL = "final"
    UNKNOWN = "unknown"  # the vault cannot be asked now


class Erasure(Struct, frozen=True):
    """One erasure as the console (`order`) and the vault (`row`) know it; one of them may be missing."""

    order: ErasureOrder | None
    row: ErasureRow | None
    who: str

    @property
    def kind(self) -> str:
        """`credential`, `application` or `organization`."""
        return self.row.kind.value if self.row else self.order.kind if self.order else ""

    @property
    def subject(self) -> str:
        """The id of what was erased."""
        return self.row.subject if self.row else self.order.subject if self.order else ""

    @property
    def name(self) -> str:
        """What people called it."""
        return self.order.name if self.order else self.subject

    @property
    def ordered_at(self) -> float:
        """When it was ordered, in Unix seconds."""
        return self.order.ordered_at if self.order else self.row.began_at if self.row else 0.0

    @property
    def receipt(self) -> str:
        """The receipt's id; empty until the vault took the order."""
        return self.row.receipt if self.row else (self.order.receipt or "") if self.order else ""


def standing(erasure: Erasure, now_s: float) -> Standing:
    """Where it stands now."""
    row = erasure.row
    if row is None:
        ordered = erasure.order is not None and erasure.order.settled_at is None
        return Standing.ORDERED if ordered else Standing.UNKNOWN
    if row.final_at is not None:
        return Standing.FINAL if row.final_at <= now_s else Standing.ERASED
    if now_s > row.final_by:
        return Standing.OVERDUE
    return Standing.ERASED if row.erased_at is not None else Standing.ERASING


def waits_in_words(row: ErasureRow) -> Iterator[str]:
    """What stands between an erasure and the day on which it is final."""
    for each in row.waits_for:
        yield _WAITS.get(each, f"the KEK {each} still exists, and opens backups from before")
