"""Operators and vault: whether every row of vault.db is as the vault wrote it.

Counterparts: the vault's `checking`, and `sealgate vault check`, which asks.
"""

from __future__ import annotations

import msgspec

from sealgate.messages.frames import Message


class CheckRows(Message, frozen=True, tag="check-rows"):
    """Ask how far the check of all rows is. Answer: `RowsChecked`."""

    anew: bool = False
    """Begin a round now, unless one is under way."""


class TableChecked(msgspec.Struct, frozen=True):
    """One table in the last whole round."""

    table: str
    rows: int
    damaged: int


class DamagedRow(msgspec.Struct, frozen=True):
    """A row that is not as the vault wrote it."""

    table: str
    subject: str
    """An id, or `unnamed`."""


class RowsChecked(Message, frozen=True, tag="rows-checked"):
    """Answer to `CheckRows`: the last whole round, and how far the one under way is."""

    round: int
    """How many rounds are whole since the vault started."""
    ended_at: float
    """When the last of them ended, Unix seconds; 0 for none yet."""
    tables: tuple[TableChecked, ...]
    damaged: tuple[DamagedRow, ...]
    """The first hundred."""
    under_way: int
    """Rows that the present round looked at; 0 between two rounds."""

    @property
    def is_sound(self) -> bool:
        """True if nothing was damaged in the last whole round."""
        return not any(each.damaged for each in self.tables)
