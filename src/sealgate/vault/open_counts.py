"""Opens by credential, proxy and minute: what a proxy had opened, for the day on which one was taken over.

Counterparts: `opener`, which counts; `sealgate vault opens`. Counted in memory and written now and then, an
hour's minutes to a row: a kill may lose what was counted since. A proxy is its system user, as the kernel
says, and the name that it gives itself, which it may choose.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import OPENS_BY_HOUR

OTHERS = "others"
NAMES_LIMIT = 200
"""Names that proxies may give themselves in an hour; more are counted as `OTHERS`."""
WAITING_LIMIT = 50_000
AT_ONCE = 50
"""Rows in one transaction: some milliseconds."""
HOUR_S = 3_600
_MINUTE_S, _MINUTES, _HOURS = 60, 60, 24
_ONE = OPENS_BY_HOUR.select(
    "WHERE hour = :hour AND credential = :credential AND uid = :uid AND proxy = :proxy"
)
_PUT = OPENS_BY_HOUR.put("minutes", "mac")
_TOO_OLD = OPENS_BY_HOUR.delete("WHERE hour < :oldest")

PAGE_ROWS = 300
_PAGE = OPENS_BY_HOUR.page("hour >= :hour AND (:credential = '' OR credential = :credential)")


class HourRecord(Struct, frozen=True):
    """One hour (since 1970) of one credential and proxy; `credential` is empty for ids that nobody has."""

    hour: int
    credential: str
    uid: int
    proxy: str
    minutes: bytes
    """`Minutes` as msgpack."""


class Minutes(Struct, array_like=True):
    """Sixty counts each."""

    opened: list[int]
    refused: list[int]


Place = tuple[int, str, int, str]
"""The key of a row."""
_decoder = msgspec.msgpack.Decoder(Minutes)


def no_minutes() -> Minutes:
    """An hour in which nothing happened."""
    return Minutes([0] * _MINUTES, [0] * _MINUTES)


def minutes_of(record: HourRecord) -> Minutes:
    """The counts of a row that verified."""
    return _decoder.decode(record.minutes)


class OpenCounts:
    """Counts, and writes what was counted."""

    def __init__(self, database: Database, seal: RowSeal, days: float) -> None:
        self._database = database
        self._rows = SealedTable(OPENS_BY_HOUR, HourRecord, seal)
        self._hours_kept = days * _HOURS
        self._waiting: dict[Place, dict[int, list[int]]] = {}
        """By minute of the hour, opened and refused: of the minute or two since the last writing."""
        self._names: set[tuple[int, str]] = set()
        self._names_hour = 0

    def note(self, credential: str, uid: int, proxy: str, now_s: float, *, refused: bool = False) -> None:
        """One more open, or one that was refused."""
        hour, second = divmod(int(now_s), HOUR_S)
        place = (hour, credential, uid, self._name(hour, uid, proxy))
        minutes = self._waiting.get(place)
        if minutes is None:
            if len(self._waiting) >= WAITING_LIMIT:
                place = (hour, "", uid, OTHERS)
            minutes = self._waiting.setdefault(place, {})
        counts = minutes.get(second // _MINUTE_S)
        if counts is None:
            counts = minutes[second // _MINUTE_S] = [0, 0]
        counts[refused] += 1

    def drop(self, credentials: Container[str]) -> None:
        """Forget what was counted and not written yet, of credentials that are no more."""
        for place in [each for each in self._waiting if each[1] in credentials]:
            del self._waiting[place]

    def flush(self, now_s: float) -> None:
        """Write everything that was counted, and remove what is too old; raises `StorageError`."""
        for _piece in self.pieces(now_s):
            pass

    def pieces(self, now_s: float) -> Iterator[None]:
        """The same, yielding after each small transaction."""
        places = tuple(self._waiting)
        for start in range(0, len(places), AT_ONCE):
            self._write(places[start : start + AT_ONCE])
            yield
        oldest = int(now_s / HOUR_S - self._hours_kept)
        with self._database.transaction() as connection:
            connection.execute(_TOO_OLD, {"oldest": oldest})
        yield

    def _write(self, places: tuple[Place, ...]) -> None:
        counted = {place: self._waiting[place] for place in places if place in self._waiting}
        rows = [self._rows.row(self._summed(place, minutes)) for place, minutes in counted.items()]
        if not rows:
            return
        with self._database.transaction() as connection:
            connection.executemany(_PUT, rows)
        for place in counted:
            del self._waiting[place]

    def _summed(self, place: Place, minutes: Mapping[int, Sequence[int]]) -> HourRecord:
        summed = self._stored(place)
        for minute, (opened, refused) in minutes.items():
            summed.opened[minute] += opened
            summed.refused[minute] += refused
        return HourRecord(*place, minutes=msgspec.msgpack.encode(summed))

    def _stored(self, place: Place) -> Minutes:
        row = self._database.row(_ONE, dict(zip(OPENS_BY_HOUR.key, place, strict=True)))
        try:
            return no_minutes() if row is None else minutes_of(self._rows.read(row))
        except AlarmError:
            return no_minutes()

    def _name(self, hour: int, uid: int, proxy: str) -> str:
        if hour != self._names_hour:
            self._names, self._names_hour = set(), hour
        if (uid, proxy) in self._names:
            return proxy
        if len(self._names) >= NAMES_LIMIT:
            return OTHERS
        self._names.add((uid, proxy))
        return proxy


class CountPages:
    """Reads the table, a page at a time."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._rows = SealedTable(OPENS_BY_HOUR, HourRecord, seal)

    def page(self, credential: str, since_s: float, after: int) -> tuple[list[HourRecord], int]:
        """The next rows that verify after a row id, and the id to go on from; 0: that was all."""
        values: dict[str, Cell] = {
            "after": after,
            "hour": int(since_s // HOUR_S),
            "credential": credential,
            "most": PAGE_ROWS,
        }
        found = self._database.rows(_PAGE, values)
        records = []
        for _row_id, *row in found:
            try:
                records.append(self._rows.read(row))
            except AlarmError:
                continue
        last = found[-1][0] if len(found) == PAGE_ROWS else 0
        assert isinstance(last, int)
        return records, last
