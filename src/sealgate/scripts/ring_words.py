"""The KEK ring in words, for `sealgate kek …`.

Counterpart: `operating_commands`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from sealgate.messages.operating import KekReport, KekVersion


def is_well(report: KekReport) -> bool:
    """True if everything needed can be used now, and nothing is stuck."""
    return not report.fault and all(
        each.health == "ok" for each in report.items if each.rows or each.state == "current"
    )


def lines(report: KekReport) -> Iterator[str]:
    """One line per version, then what goes on."""
    for each in report.items:
        yield f"{each.version}  {each.state:10} {_wraps(each):16} {each.health:12} {_where(each)}"
        yield f"{'':{len(each.version)}}  made {_day(each.made_at)}{_end(each)}"
    if report.fault:
        yield f"Wrapping anew met {report.fault} and is tried again by itself; {report.left} rows are left."
    elif report.rewrapping:
        yield f"Wrapping anew: {report.left} rows are left."
    elif report.left:
        yield f"{report.left} rows could not be wrapped anew: look for alarms in the vault's log."


def _wraps(version: KekVersion) -> str:
    return "wraps nothing" if version.rows == 0 else f"wraps {version.rows}"


def _where(version: KekVersion) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(version.details.items()))


def _end(version: KekVersion) -> str:
    return "" if version.destroyed_at is None else f", destroyed {_day(version.destroyed_at)}"


def _day(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_s))
