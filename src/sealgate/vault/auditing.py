"""What operators may ask of the audit: entries, the check of the whole, and opens by the minute.

Counterparts: `operator`, which hands such requests on; `sealgate vault audit`, which does the same with a
vault that is stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from sealgate.messages.auditing import (
    AskAudit,
    AskOpens,
    AuditChecked,
    AuditFinding,
    AuditReply,
    AuditRequest,
    CheckAudit,
    OpensHour,
    OpensPage,
)
from sealgate.vault import fields
from sealgate.vault.audit import Audit, examination
from sealgate.vault.audit_check import Examination
from sealgate.vault.audit_head import HeadFile, witnessed
from sealgate.vault.audit_pages import AuditPages
from sealgate.vault.audit_rows import AuditRows, Link, parse_link
from sealgate.vault.foundation import Foundation
from sealgate.vault.open_counts import HOUR_S, CountPages, HourRecord, OpenCounts, minutes_of


class Auditing:
    """Answers for a running vault."""

    def __init__(
        self, base: Foundation, audit: Audit, counts: OpenCounts, clock: Callable[[], float]
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._opens = CountPages(base.database, base.seal)
        self._pages = AuditPages(base.database, base.seal)
        self._audit = audit

    async def answer(self, request: AuditRequest, uid: int) -> AuditReply:
        """Answer one request; raises `RefusedError` or `OSError`."""
        self._audit.flush()
        if isinstance(request, AskAudit):
            return self._pages.page(request)
        if isinstance(request, AskOpens):
            self._counts.flush(self._clock())
            return opens_page(self._opens, request)
        return await self._check(request, uid)

    async def _check(self, request: CheckAudit, uid: int) -> AuditChecked:
        found = await self._look_through(request)
        if request.accept and found.findings:
            self._audit.accept(found.findings, uid)
            found = await self._look_through(request)
        self._audit.note_checked(found)
        return checked(found)

    async def _look_through(self, request: CheckAudit) -> Examination:
        found = self._audit.examine(noted_link(request.noted))
        for _piece in found.pieces():
            await asyncio.sleep(0)
        return found


def check_stopped(folder: Path, base: Foundation, noted: str) -> AuditChecked:
    """The check of a vault that is stopped; raises `RefusedError`."""
    head = HeadFile(folder, base.seal).read()
    rows = AuditRows(base.database, base.seal)
    found = examination(rows, head, witnessed(base.witness), (), noted_link(noted))
    for _piece in found.pieces():
        pass
    return checked(found)


def opens_page(pages: CountPages, asked: AskOpens) -> OpensPage:
    """The next hours; raises `RefusedError` for what is no credential."""
    if asked.credential:
        fields.check_id("cred", "credential", asked.credential)
    fields.check_time("since", asked.since)
    fields.check_place("after", asked.after)
    records, following = pages.page(asked.credential, asked.since, asked.after)
    return OpensPage(items=tuple(map(_hour, records)), next=following)


def _hour(record: HourRecord) -> OpensHour:
    minutes = minutes_of(record)
    return OpensHour(
        began_at=record.hour * HOUR_S,
        credential=record.credential,
        uid=record.uid,
        proxy=record.proxy,
        opened=tuple(minutes.opened),
        refused=tuple(minutes.refused),
    )


def checked(found: Examination) -> AuditChecked:
    """What an examination found, as a message."""
    return AuditChecked(
        entries=found.entries,
        end=found.end.text(),
        findings=tuple(AuditFinding(each.fault.value, each.number, each.until) for each in found.findings),
        accepted=found.accepted,
    )


def noted_link(noted: str) -> Link | None:
    """A noted end; raises `RefusedError` for a text that is none."""
    if not noted:
        return None
    try:
        return parse_link(noted)
    except ValueError:
        fields.malformed("noted", "it looks like 12:9f0c…, as the check printed it")
