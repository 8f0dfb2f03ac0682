"""Connections to providers by origin, counted for the pages of operators.

Counterparts: `upstream.py`, whose pool it looks at; `admin.py` and `metrics.py`, which show it.
"""

from __future__ import annotations

import msgspec

from sealgate.proxy.upstream import Pool


class Count(msgspec.Struct):
    """Of one origin."""

    idle: int = 0
    busy: int = 0


def pool_counts(pool: Pool) -> dict[str, Count]:
    """Every connection that stands is in one of the counts."""
    counts: dict[str, Count] = {}
    for upstream in pool.all:
        count = counts.setdefault(upstream.origin.name, Count())
        if upstream in upstream.idle:
            count.idle += 1
        else:
            count.busy += 1
    return counts
