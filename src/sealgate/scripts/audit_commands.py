"""The commands of the vault's audit: `sealgate vault audit`, with its check, and `sealgate vault opens`.

Counterparts: `operating_commands`, whose group it stands in; the vault's `auditing`. With the vault stopped,
both read its files instead, and say so.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from sealgate.messages.auditing import (
    AskAudit,
    AskOpens,
    AuditChecked,
    AuditEntry,
    AuditFinding,
    AuditPage,
    CheckAudit,
    OpensHour,
    OpensPage,
)
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.operating import (
    NotRunningError,
    ask_vault,
    read_settings,
    say_stopped,
    still,
    told,
)
from sealgate.settings import Settings
from sealgate.vault.audit_pages import AuditPages
from sealgate.vault.auditing import check_stopped, opens_page
from sealgate.vault.open_counts import CountPages

LONG_S: Final = 3_600.0
"""Looking through some millions of entries takes minutes."""

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]

_WORDS: Final = {
    "changed": "not as the vault wrote it: edited, moved or planted",
    "missing": "missing",
    "apart": "does not follow the entry before: put back from a copy",
    "cut_off": "cut off at the end",
    "rewritten": "another one than the head or the anchor knows",
    "no_head": "the file audit-head was gone or altered, so that a cut end may not have been noticed",
    "not_as_noted": "not the one that was noted",
}
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_to(group: typer.Typer) -> None:
    """Put the command into `sealgate vault`."""
    group.command("audit")(audit)
    group.command("opens")(opens)


def audit(  # noqa: PLR0917 - one parameter per option
    config: ConfigOption,
    since: Annotated[str, typer.Option(help="From 2026-01-31, 2026-01-31T12:00 (UTC), or 24h ago.")] = "",
    event: Annotated[str, typer.Option(help="Only this event of docs/reference/events.md.")] = "",
    credential: Annotated[str, typer.Option(help="Only about this credential, cred_….")] = "",
    about: Annotated[str, typer.Option(help="Only what names this id: org_…, app_…, prx_…, rcpt_….")] = "",
    last: Annotated[int, typer.Option(min=0, help="At most so many, the newest; 0: all.")] = 100,
    check: Annotated[bool, typer.Option("--check", help="Look through the whole for edits.")] = False,
    noted: Annotated[str, typer.Option(help="With --check: an end noted earlier, which must be there.")] = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="With --check: take for explained what is found; look first.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")] = False,
) -> None:
    """Show what the vault did and refused, or check that nobody changed that; running or stopped.

    With --check it exits with 1 where something is found that nobody has accepted.
    """
    with told():
        settings = read_settings(config)
        if check:
            _check(settings, CheckAudit(noted=noted, accept=accept), json=json)
        if noted or accept:
            raise ScriptError(Exit.USAGE, "--noted and --accept go with --check.")
        asked = AskAudit(since=moment(since), event=event, about=credential or about)
        entries = deque(_entries(settings, asked, quiet=json), maxlen=last or None)
        for each in entries:
            typer.echo(msgspec.json.encode(each).decode() if json else line(each))


def opens(
    config: ConfigOption,
    credential: Annotated[str, typer.Option(help="Only this credential, cred_…, minute by minute.")] = "",
    since: Annotated[str, typer.Option(help="As for `sealgate vault audit`.")] = "24h",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one hour a line.")] = False,
) -> None:
    """Show how many keys each proxy had opened, and how many were refused; running or stopped."""
    with told():
        settings = read_settings(config)
        hours = _hours(settings, AskOpens(credential=credential, since=moment(since)), quiet=json)
        if json:
            for each in hours:
                typer.echo(msgspec.json.encode(each).decode())
            return
        for words in by_minute(hours) if credential else sums(hours):
            typer.echo(words)


def by_minute(hours: Iterable[OpensHour]) -> Iterator[str]:
    """A line for each minute in which a proxy asked."""
    for each in hours:
        for minute, (opened, refused) in enumerate(zip(each.opened, each.refused, strict=True)):
            if opened or refused:
                at = datetime.fromtimestamp(each.began_at + 60 * minute, UTC)
                yield f"{at:%Y-%m-%d %H:%M}  {_counts(opened, refused)}  {_proxy(each)}"


def sums(hours: Iterable[OpensHour]) -> Iterator[str]:
    """A line for each credential and proxy."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for each in hours:
        place = (each.credential or "(no such key)", _proxy(each))
        opened, refused = found.get(place, (0, 0))
        found[place] = (opened + sum(each.opened), refused + sum(each.refused))
    for (credential, proxy), counts in sorted(found.items()):
        yield f"{credential:26}  {_counts(*counts)}  {proxy}"


def _counts(opened: int, refused: int) -> str:
    return f"{opened:>8} opened {refused:>6} refused"


def _proxy(hour: OpensHour) -> str:
    return f"{hour.proxy} (user {hour.uid})"


def _hours(settings: Settings, asked: AskOpens, *, quiet: bool) -> Iterator[OpensHour]:
    try:
        yield from _opens_pages(asked, lambda each: ask_vault(settings, each, OpensPage))
    except NotRunningError:
        say_stopped(quiet=quiet)
        with still(settings) as base:
            pages = CountPages(base.database, base.seal)
            yield from _opens_pages(asked, lambda each: opens_page(pages, each))


def _opens_pages(asked: AskOpens, ask: Callable[[AskOpens], OpensPage]) -> Iterator[OpensHour]:
    while True:
        page = ask(asked)
        yield from page.items
        if not page.next:
            return
        asked = msgspec.structs.replace(asked, after=page.next)


def line(entry: AuditEntry) -> str:
    """One entry for people."""
    if not entry.genuine:
        return f"{entry.number:>8}  NOT AN ENTRY OF THE VAULT'S: edited, moved or planted"
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    words = (f"{name}={_word(value)}" for name, value in entry.details.items() if value != "")
    return f"{entry.number:>8}  {at}  {entry.event}  {' '.join(words)}".rstrip()


def lines(found: AuditChecked) -> Iterator[str]:
    """What a check found."""
    if found.findings:
        yield f"The audit is NOT whole: {len(found.findings)} findings in {found.entries} entries."
        yield from (f"  {_place(each)}: {_WORDS.get(each.fault, each.fault)}" for each in found.findings)
    else:
        yield f"The audit is whole: {found.entries} entries."
    if found.accepted:
        yield f"{found.accepted} earlier findings were accepted; `--event audit_accepted` lists them."
    yield f"end {found.end}"
    if not found.findings:
        yield "hint: note the end on another machine and hand it in with --noted next time"
    else:
        yield "hint: docs/howto/audit-the-vault.md says what each means and what to do"


def _check(settings: Settings, asked: CheckAudit, *, json: bool) -> None:
    try:
        found = ask_vault(settings, asked, AuditChecked, timeout_s=LONG_S)
    except NotRunningError:
        if asked.accept:
            raise
        say_stopped(quiet=json)
        with still(settings) as base:
            found = check_stopped(settings.vault_config().data_dir, base, asked.noted)
    typer.echo(msgspec.json.encode(found).decode() if json else "\n".join(lines(found)))
    raise SystemExit(int(Exit.FAILED if found.findings else Exit.DONE))


def _entries(settings: Settings, asked: AskAudit, *, quiet: bool) -> Iterator[AuditEntry]:
    try:
        yield from _pages(asked, lambda each: ask_vault(settings, each, AuditPage))
    except NotRunningError:
        say_stopped(quiet=quiet)
        with still(settings) as base:
            yield from _pages(asked, AuditPages(base.database, base.seal).page)


def _pages(asked: AskAudit, ask: Callable[[AskAudit], AuditPage]) -> Iterator[AuditEntry]:
    while True:
        page = ask(asked)
        yield from page.items
        if not page.next:
            return
        asked = msgspec.structs.replace(asked, after=page.next)


def moment(text: str) -> float:
    """Unix seconds of a time in UTC, or of so long ago; 0 for nothing. Raises `ScriptError`."""
    if not text:
        return 0.0
    if ago := _AGO.fullmatch(text):
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ScriptError(
            Exit.DATA, f"{text!r} is no time.", "Write 2026-01-31, 2026-01-31T12:00 (UTC), 90m, 24h or 7d."
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _place(finding: AuditFinding) -> str:
    if finding.until > finding.number:
        return f"entries {finding.number} to {finding.until}"
    return f"entry {finding.number}"
