"""One journal segment: a preallocated, memory-mapped file of records with checksums.

Counterpart: `journal.py`. A record stands once its 8-byte head is written, written last, so `kill -9`
leaves a record whole or absent. Holds ids and numbers, never content.

    head of the file (64 bytes): magic | epoch | u32 number | u64 first sequence | zeros
    record: u32 CRC-32 of the rest | u16 length | u8 kind | u8 zero | payload          (big-endian)
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

MAGIC = b"SGJRNL1\n"
HEAD = struct.Struct(">8s24sIQ20x")
RECORD_HEAD = struct.Struct(">IHBx")
_REST = struct.Struct(">HBx")
_HEAD_BYTES = RECORD_HEAD.size
_pack_rest, _pack_head = _REST.pack, RECORD_HEAD.pack_into
RECORD_LIMIT_BYTES = 1_024
"""No record is larger; room is reserved in this unit."""


class SegmentError(Exception):
    """A file that is no segment."""


class Record(msgspec.Struct, frozen=True):
    """One record as it was found."""

    kind: int
    payload: bytes
    next_offset: int


class Segment:
    """A segment file, mapped. `open_count`: exchanges that began in it and are not settled."""

    def __init__(self, path: Path, mapped: mmap.mmap, descriptor: int) -> None:
        self.path = path
        self._map = mapped
        self.descriptor = descriptor
        magic, epoch, self.number, self.first_sequence = HEAD.unpack_from(mapped)
        if magic != MAGIC:
            raise SegmentError(path.name)
        self.epoch = epoch.rstrip(b"\0").decode("ascii", "replace")
        self.end = HEAD.size
        self.last_sequence = self.first_sequence - 1
        self.open_count = 0

    @classmethod
    def create(cls, path: Path, epoch: str, number: int, size_bytes: int) -> Segment:
        """Make and preallocate a file; `OSError` when the disk has no room for it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size_bytes)
            mapped = mmap.mmap(descriptor, size_bytes)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        mapped[: HEAD.size] = HEAD.pack(MAGIC, epoch.encode(), number, 0)
        return cls(path, mapped, descriptor)

    @classmethod
    def load(cls, path: Path) -> Segment:
        """Map a file of an earlier run; `SegmentError` if it is none."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size <= HEAD.size:
                raise SegmentError(path.name)
            return cls(path, mmap.mmap(descriptor, 0), descriptor)
        except (OSError, ValueError, SegmentError) as error:
            os.close(descriptor)
            raise SegmentError(path.name) from error

    @property
    def room_bytes(self) -> int:
        """Bytes left."""
        return len(self._map) - self.end

    def activate(self, first_sequence: int) -> None:
        """Records come from now on; a segment that never was activated is a spare."""
        self.first_sequence = first_sequence
        self.last_sequence = first_sequence - 1
        self._map[: HEAD.size] = HEAD.pack(MAGIC, self.epoch.encode(), self.number, first_sequence)

    def append(self, kind: int, payload: bytes) -> None:
        """Write one record; the caller has made sure of the room."""
        start, length = self.end, len(payload)
        body = start + _HEAD_BYTES
        self._map[body : body + length] = payload
        crc = crc32(payload, crc32(_pack_rest(length, kind)))
        _pack_head(self._map, start, crc, length, kind)
        self.end = body + length

    def records(self, offset: int = HEAD.size) -> Iterator[Record]:
        """Whole records from `offset` on; ends at the first bytes that are none."""
        size = len(self._map)
        while offset + RECORD_HEAD.size <= size:
            crc, length, kind = RECORD_HEAD.unpack_from(self._map, offset)
            body = offset + RECORD_HEAD.size
            if length == 0 or body + length > size:
                return
            payload = self._map[body : body + length]
            if crc32(payload, crc32(_pack_rest(length, kind))) != crc:
                return
            offset = body + length
            yield Record(kind, payload, offset)

    def clean_tail(self) -> bool:
        """Zero what a torn write left after the last record; True if there was any."""
        tail = self._map[self.end : self.end + RECORD_LIMIT_BYTES]
        if not any(tail):
            return False
        self._map[self.end : self.end + len(tail)] = bytes(len(tail))
        return True

    def close(self) -> None:
        """Unmap; the file stays."""
        self._map.close()
        os.close(self.descriptor)

    def delete(self) -> None:
        """Unmap and remove the file."""
        self.close()
        self.path.unlink(missing_ok=True)
