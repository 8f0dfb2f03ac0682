"""Is this machine's clock right? Sessions live for minutes, so that an hour off refuses everybody.

Witnesses: the `Date` of whoever answers at the console's public address (unless that is this machine), of
providers (with `--egress`), and the times at which this installation's own files were written, none of which
can lie ahead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

from sealgate.doctor.asking import Answer, NotAnsweredError, ask_console, ask_provider, provider_origins
from sealgate.doctor.findings import Case, Finding, State, ok, problem, skipped

ALLOWED_S = 60.0
"""What the proxy allows a session token's clock to differ."""


def clock(case: Case) -> Iterator[Finding]:
    """Compare with every witness at hand."""
    newest = _newest(Path(case.settings.data_dir))
    if newest is not None and newest[1] - case.now_s > ALLOWED_S:
        yield problem(
            "clock",
            f"{newest[0]} was written {_span(newest[1] - case.now_s)} in the future: the clock is behind, "
            f"or was "
            "ahead when it was written",
            "set the clock by NTP (timedatectl)",
        )
    elif newest is not None:
        yield ok("clock", "no file of this installation was written in the future")
    told = tuple(_compare(case))
    yield from told or (
        skipped("clock", "nobody outside of this machine was asked for the time", "sealgate doctor --egress"),
    )


def _compare(case: Case) -> Iterator[Finding]:
    for witness, answer in _answers(case):
        found = _compared(witness, answer.date, case.now_s)
        if found.state is not State.OK or not answer.local:  # a clock that agrees with itself proves nothing
            yield found


def _compared(witness: str, date: str, now_s: float) -> Finding:
    try:
        offset_s = now_s - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return skipped("clock", f"{witness} tells no date", "compare the clock by hand")
    if abs(offset_s) <= ALLOWED_S:
        return ok("clock", f"agrees with {witness} to {abs(offset_s):.0f} s")
    told = "ahead of" if offset_s > 0 else "behind"
    return problem(
        "clock",
        f"this machine's clock is {_span(abs(offset_s))} {told} {witness}: session tokens are refused",
        "set the clock by NTP (timedatectl), on this machine or on the other",
    )


def _answers(case: Case) -> Iterator[tuple[str, Answer]]:
    # Who does not answer is told by `processes` and `egress`.
    with contextlib.suppress(NotAnsweredError):
        yield f"the answer from {case.settings.console.url}", ask_console(case.settings)
    for origin in provider_origins(case.settings) if case.egress else ():
        with contextlib.suppress(NotAnsweredError):
            yield origin, ask_provider(case.settings, origin)
            return  # one is enough


def _newest(data: Path) -> tuple[Path, float] | None:
    found: list[tuple[Path, float]] = []
    for pattern in ("*", "vault/*", "console/*", "proxy/*", "proxy/journal/*"):
        try:
            found += [(path, path.lstat().st_mtime) for path in data.glob(pattern)]
        except OSError:
            continue
    return max(found, key=lambda each: each[1], default=None)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
