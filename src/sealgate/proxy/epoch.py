"""One run of a proxy on disk: what began, how it ended, and what the console has counted of it.

Counterparts: `journal.py` has one epoch that runs and those of earlier runs; `epoch_reading.py` reads them. A
sequence is given at settling, so "counted through n" names everything before it. Must never delete a record
that is not counted.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from sealgate.messages.feed import UsageRecord
from sealgate.proxy.lines import Charged
from sealgate.proxy.segments import RECORD_LIMIT_BYTES, Segment

BEGAN, SETTLED = 1, 2


class Began(msgspec.Struct, array_like=True):
    """An exchange that is about to go upstream, with its reservation in tokens."""

    number: int
    request: str
    started_at: float
    organization: str
    application: str
    pseudonym: str
    endpoint: str
    action: str
    model: str
    input_tokens: int
    output_tokens: int
    charged: Charged | None = None


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """How it ended; `number` is that of its `Began`."""

    number: int
    usage: UsageRecord
    charged: Charged | None = None


_encode = msgspec.msgpack.Encoder().encode


class Epoch:
    """The segments of one run, oldest first; the last one is written to."""

    def __init__(self, folder: Path, name: str, segment_bytes: int) -> None:
        self.folder, self.name, self.segment_bytes = folder, name, segment_bytes
        self.segments: list[Segment] = []
        self.spare: Segment | None = None
        self.next_sequence = 1
        self.counted_through = 0
        self.remembered_through: float = math.inf
        """Up to where a checkpoint of the ledger goes; nothing after it may be deleted."""
        self.next_number = 1
        self.next_segment = 1
        self.opened: dict[int, tuple[Began, Segment]] = {}
        self.read_at: tuple[Segment, int] | None = None

    def ready(self) -> bool:
        """True while everything that is open, and one exchange more, would find room to end."""
        if not self.segments:
            return False
        needed = (len(self.opened) + 2) * RECORD_LIMIT_BYTES
        here = self.segments[-1].room_bytes
        return needed <= here or (
            self.spare is not None and needed <= here + self.segment_bytes - RECORD_LIMIT_BYTES
        )

    def make_spare(self) -> None:
        """Have the next segment; `OSError` when the disk has no room."""
        if self.spare is None:
            name = f"{self.name}-{self.next_segment:08d}.segment"
            self.spare = Segment.create(self.folder / name, self.name, self.next_segment, self.segment_bytes)
            self.next_segment += 1

    def begin(self, began: Began) -> int:
        """Write a `began`; gives the number that `settle` wants."""
        number = self.next_number
        self.next_number += 1
        began.number = number
        segment = self._append(BEGAN, _encode(began))
        segment.open_count += 1
        self.opened[number] = (began, segment)
        return number

    def settle(self, number: int, usage: UsageRecord, charged: Charged | None = None) -> None:
        """Write a `settled`, giving it its sequence; after an `OSError` it is still open."""
        began_in = self.opened[number][1]
        if usage.sequence != self.next_sequence:
            usage = msgspec.structs.replace(usage, sequence=self.next_sequence)
        segment = self._append(SETTLED, _encode(Settled(number, usage, charged)))
        del self.opened[number]
        segment.last_sequence = self.next_sequence
        self.next_sequence += 1
        began_in.open_count -= 1

    def counted(self, through: int) -> None:
        """The console has everything up to `through`: delete what is over, strictly from the oldest on.

        Were a later segment deleted first, a `began` could outlive its `settled` and be counted as lost.
        """
        self.counted_through = max(self.counted_through, min(through, self.next_sequence - 1))
        while len(self.segments) > 1:
            oldest = self.segments[0]
            if oldest.open_count or oldest.last_sequence > min(self.counted_through, self.remembered_through):
                return
            del self.segments[0]
            self.read_at = None
            oldest.delete()

    def finished(self) -> bool:
        """True once nothing of it is open, uncounted or in no checkpoint."""
        done = min(self.counted_through, self.remembered_through)
        return not self.opened and done >= self.next_sequence - 1

    def close(self, *, delete: bool) -> None:
        """Unmap everything, and remove the files of a finished epoch."""
        for segment in [*self.segments, *([self.spare] if self.spare else [])]:
            if delete:
                segment.delete()
            else:
                segment.close()
        self.segments, self.spare = [], None

    def _append(self, kind: int, payload: bytes) -> Segment:
        if not self.segments or self.segments[-1].room_bytes < RECORD_LIMIT_BYTES:
            self.make_spare()
            assert self.spare is not None
            self.spare.activate(self.next_sequence)
            self.segments.append(self.spare)
            self.spare = None
        segment = self.segments[-1]
        segment.append(kind, payload)
        return segment
