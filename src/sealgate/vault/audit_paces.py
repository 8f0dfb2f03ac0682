"""Which events of the log the audit keeps, and how many of one kind it keeps singly.

Counterparts: `events`, the table of what can be logged, and `audit_queue`. The audit is made from the log's
own calls: what is declared there is audited, unless it stands here with a reason. Nothing else gets in.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

NOT_AUDITED: Mapping[str, str] = {
    "refused_to_start": "vault.db is not open, or not trusted",
    "proxy_variable_ignored": "told before vault.db is open",
}


class Pace(Struct, frozen=True):
    """How many entries of one event are written singly: `at_once`, and so many more a minute."""

    at_once: int
    per_minute: float


DONE = Pace(at_once=10_000, per_minute=60)
"""What was done. A console or an operator that runs wild is bounded too, in rows and in memory."""
REPEATED = Pace(at_once=500, per_minute=6)
"""Refusals, faults and questions: somebody else sets their pace."""

_REPEATED_ENDINGS = ("_refused", "_failed", "_paused", "_behind", "_unavailable")
_REPEATED = frozenset({"operator_asked", "sealing_keys_kept", "opens_over_quota"})


def pace_of(event: str) -> Pace | None:
    """The pace of an event; None for one that is not audited."""
    if event in NOT_AUDITED:
        return None
    if event in _REPEATED or event.startswith("alarm_") or event.endswith(_REPEATED_ENDINGS):
        return REPEATED
    return DONE
