"""Work in the background, in small pieces: after each, everybody else gets as long as it took.

Counterparts: whatever goes through many rows (`erasures`, `sealing_epochs`, the counts of opens). A pause of
a fixed length would make a long piece a nuisance and a hundred thousand short ones a matter of hours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

AT_LEAST_S = 0.001
AT_MOST_S = 0.05


async def in_turns(pieces: Iterator[None]) -> None:
    """Do every piece; raises what they raise."""
    while True:
        began_s = time.monotonic()
        if next(pieces, _DONE) is _DONE:
            return
        await asyncio.sleep(min(max(time.monotonic() - began_s, AT_LEAST_S), AT_MOST_S))


_DONE = object()
