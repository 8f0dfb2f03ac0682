"""A MAC over every row that matters: a row written without the KEK is a row that the vault refuses.

Counterpart: `root`, which derives the key. The MAC covers the table's name and every column with its type,
so a row cannot be edited, moved or invented. An old copy of a row passes: `witness` is for those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Generic, TypeVar

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sealgate.log import Log
from sealgate.vault.faults import AlarmError
from sealgate.vault.schema import Table

Cell = str | int | float | bytes | None
"""What a column can hold."""

_LABEL = "sealgate row v1"
_ARRAY_OF_FOUR = b"\x94"
"""msgpack's fixarray."""
_NAME = re.compile(r"[a-z]{2,5}_[a-z2-7]{20}")
_encoder = msgspec.msgpack.Encoder()

Record = TypeVar("Record", bound=msgspec.Struct)


class RowSeal:
    """Makes and checks MACs (HMAC-SHA-256) of rows; raises an alarm for each row that does not verify."""

    def __init__(self, key: bytes, log: Log) -> None:
        self._keyed = HMAC(key, SHA256())
        self._begun: dict[tuple[str, tuple[str, ...]], HMAC] = {}
        self._log = log

    def mac(self, table: str, names: tuple[str, ...], values: Sequence[Cell]) -> bytes:
        """The MAC of one row. msgpack gives each value its type and length, so no two rows encode alike."""
        mac = self.begun(table, names).copy()
        mac.update(_encoder.encode(values))
        return mac.finalize()

    def begun(self, table: str, names: tuple[str, ...]) -> HMAC:
        """The MAC of a row up to its values: the same for all of a table, and taken in once."""
        begun = self._begun.get((table, names))
        if begun is None:
            begun = self._begun[table, names] = self._keyed.copy()
            # An array of four, whose last element, the values, is still to come.
            begun.update(_ARRAY_OF_FOUR + b"".join(map(_encoder.encode, (_LABEL, table, names))))
        return begun

    def is_sealed(self, table: str, names: tuple[str, ...], values: Sequence[Cell], mac: Cell) -> bool:
        """True for a row with this MAC that the vault wrote."""
        return isinstance(mac, bytes) and compare_digest(mac, self.mac(table, names, values))

    def alarm(self, table: str, subject: Cell) -> AlarmError:
        """Log the alarm and give the error to raise. A subject without the form of an id is not named."""
        name = subject if isinstance(subject, str) and _NAME.fullmatch(subject) else "unnamed"
        self._log("alarm_row", table=table, subject=name)
        return AlarmError(table, name)

    def __repr__(self) -> str:
        return "<RowSeal>"


class SealedTable(Generic[Record]):
    """A table whose rows are read as `Record` after their MAC verified, and written with it.

    The record's fields are the table's columns in order, without `mac`, which comes last.
    """

    def __init__(self, table: Table, record: type[Record], seal: RowSeal) -> None:
        fields = record.__struct_fields__
        if table.columns != (*fields, "mac"):
            msg = f"{record.__name__} does not mirror the table {table.name}"
            raise TypeError(msg)
        self._name = table.name
        self.seal = seal
        self._record = record
        self._names = fields

    def read(self, values: Sequence[Cell]) -> Record:
        """The record of a row; raises `AlarmError`, logged, for a row that the vault did not write."""
        record = self.read_quietly(values)
        if record is None:
            raise self.seal.alarm(self._name, values[0])
        return record

    def read_quietly(self, values: Sequence[Cell]) -> Record | None:
        """The same; None, and no alarm, for a row that the vault did not write."""
        *cells, mac = values
        if not self.seal.is_sealed(self._name, self._names, cells, mac):
            return None
        return self._record(*cells)

    def row(self, record: Record) -> Mapping[str, Cell]:
        """Column values with their MAC, for an insert or an update of the whole row."""
        cells = msgspec.structs.astuple(record)
        return dict(zip(self._names, cells, strict=True)) | {"mac": self._mac(cells)}

    def _mac(self, cells: Sequence[Cell]) -> bytes:
        return self.seal.mac(self._name, self._names, cells)
