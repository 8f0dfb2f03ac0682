"""What earlier runs of a proxy left on disk, read again; and what is settled, read for the console.

Counterparts: `epoch.py`, which wrote it; `journal.py`. What began and never settled becomes `lost`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sealgate.log import Log
from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy.epoch import BEGAN, SETTLED, Began, Epoch, Settled
from sealgate.proxy.lines import Charged
from sealgate.proxy.segments import Segment

_began = msgspec.msgpack.Decoder(Began)
_settled = msgspec.msgpack.Decoder(Settled)


def unshipped(epoch: Epoch, limit: int) -> tuple[UsageRecord, ...]:
    """Up to `limit` settled exchanges that are not yet counted, in sequence."""
    found: list[UsageRecord] = []
    start, offset = epoch.read_at or (None, 0)
    for segment in epoch.segments:
        if segment.last_sequence <= epoch.counted_through:
            continue
        for record in segment.records(*((offset,) if segment is start else ())):
            if record.kind != SETTLED:
                continue
            usage = _settled.decode(record.payload).usage
            if usage.sequence <= epoch.counted_through:
                epoch.read_at = (segment, record.next_offset)
                continue
            found.append(usage)
            if len(found) == limit:
                return tuple(found)
    return tuple(found)


def take_over(epoch: Epoch, segments: Iterable[Segment], log: Log) -> None:
    """Read the segments of an earlier run."""
    for segment in sorted(segments, key=lambda each: each.number):
        epoch.next_segment = segment.number + 1
        if segment.first_sequence == 0:
            epoch.spare = segment
            continue
        epoch.segments.append(segment)
        epoch.next_sequence = max(epoch.next_sequence, segment.first_sequence)
        _read(epoch, segment)
        if segment.clean_tail():
            log("journal_damaged", path=str(segment.path), offset=segment.end)
    epoch.counted_through = epoch.segments[0].first_sequence - 1 if epoch.segments else 0


def charges(epoch: Epoch) -> Iterator[tuple[UsageRecord, Charged]]:
    """Every settled exchange that a ledger has to know of, in sequence."""
    for segment in epoch.segments:
        for record in segment.records():
            if record.kind == SETTLED:
                settled = _settled.decode(record.payload)
                if settled.charged is not None:
                    yield settled.usage, settled.charged


def settle_lost(epoch: Epoch) -> int:
    """Turn what began and never settled into the outcome `lost`, with its reservation as the estimate.

    Then nothing is written to this run any more: its next segment, which no limit counts, goes.
    """
    lost = tuple(epoch.opened.items())
    for number, (began, _segment) in lost:
        epoch.settle(number, _lost(began), began.charged)
    spare, epoch.spare = epoch.spare, None
    if spare is not None:
        spare.delete()
    return len(lost)


def _read(epoch: Epoch, segment: Segment) -> None:
    for record in segment.records():
        segment.end = record.next_offset
        if record.kind == BEGAN:
            began = _began.decode(record.payload)
            epoch.opened[began.number] = (began, segment)
            segment.open_count += 1
            epoch.next_number = max(epoch.next_number, began.number + 1)
        elif record.kind == SETTLED:
            settled = _settled.decode(record.payload)
            segment.last_sequence = settled.usage.sequence
            epoch.next_sequence = settled.usage.sequence + 1
            opened = epoch.opened.pop(settled.number, None)
            if opened is not None:
                opened[1].open_count -= 1


def _lost(began: Began) -> UsageRecord:
    return UsageRecord(
        sequence=0,
        request=began.request,
        started_at=began.started_at,
        organization=began.organization,
        application=began.application,
        pseudonym=began.pseudonym,
        endpoint=began.endpoint,
        action=began.action,
        model=began.model,
        outcome=Outcome.LOST,
        status=0,
        input_tokens=began.input_tokens,
        output_tokens=began.output_tokens,
        cached_tokens=0,
        estimated=True,
        first_byte_ms=0,
        duration_ms=0,
    )
