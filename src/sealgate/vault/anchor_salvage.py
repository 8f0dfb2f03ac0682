"""What can still be believed of an anchor that was damaged or altered: for the restore ceremony alone.

Counterpart: `anchor`, which refuses such a file. A line's MAC covers the MAC before it, and both stand in the
file, so every line that fits the one before it is a line that the vault wrote; nobody else can make one.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from sealgate.vault.anchor import Anchor
from sealgate.vault.anchor_summary import MAGIC, Entry, Standing, read_summary
from sealgate.vault.faults import StartError

WHOLE, MISSING, DAMAGED = "whole", "missing", "damaged"
_MAC = re.compile(r"[0-9a-f]{64}")


class Remembered(Struct, frozen=True):
    """What the anchor tells, and how it was found."""

    condition: str
    last: Entry | None
    standings: dict[str, Standing]


def remembered(path: Path, key: bytes) -> Remembered:
    """Read an anchor in whatever condition, changing nothing; raises `StartError` for one that others use."""
    if not path.exists():
        return Remembered(MISSING, None, {})
    try:
        anchor = Anchor(path, key, read_only=True)
        return Remembered(WHOLE, anchor.last, anchor.standings)
    except StartError as error:
        if error.code != "anchor_damaged":
            raise
    return _salvaged(path.read_bytes(), key)


def _salvaged(content: bytes, key: bytes) -> Remembered:
    found = read_summary(content, key) if content.startswith(MAGIC) else None
    summary, begin = found if found is not None else (None, 0)
    chain = b"" if summary is None else summary.chain
    entries = sorted(_genuine(content[begin:], chain, key), key=lambda entry: entry.number)
    standings = {} if summary is None else dict(summary.standings)
    standings.update({entry.subject: Standing(entry.version, entry.state) for entry in entries})
    last = entries[-1] if entries else summary.last if summary is not None else None
    return Remembered(DAMAGED, last, standings)


def _genuine(content: bytes, chain: bytes, key: bytes) -> Iterator[Entry]:
    for raw in content.decode("ascii", "replace").splitlines():
        line, _, mac = raw.rpartition(" ")
        fits = hmac.compare_digest(
            hmac.digest(key, chain + b"\n" + line.encode("utf-8", "replace"), "sha256").hex(),
            mac if _MAC.fullmatch(mac) else "",
        )
        if fits:
            number, subject, version, state = line.split(" ")[:4]
            yield Entry(int(number), subject, int(version), state)
        chain = bytes.fromhex(mac) if _MAC.fullmatch(mac) else b"?"
