"""Proposals and their approvals: what operators want done, and which administrators said yes with a passkey.

Counterparts: `approvals`, which says what can be proposed; `administrator_pages`, where people look and
approve. An approval is an assertion over exactly this proposal. Each change is witnessed: a proposal that is
used up, and put back from an old copy, grants nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct, structs

from sealgate.ids import new_id
from sealgate.log import Log
from sealgate.messages.administering import ApprovalRow, ApprovalsMissing, ProposalRow
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.vault import base64url
from sealgate.vault.administrators import Administrator, Administrators
from sealgate.vault.approvals import NEEDED, Action, NotApprovedError
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.foundation import Foundation
from sealgate.vault.kek import bind
from sealgate.vault.passkeys import Assertion
from sealgate.vault.rowseal import Cell, SealedTable
from sealgate.vault.schema import APPROVALS, PROPOSALS

OPEN, DONE = "open", "done"
"""States, in the row and in the anchor."""
LIFETIME_S = 72 * 3600.0
KEPT_S = 90 * 86_400.0
"""How long a proposal is shown after its end."""
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")

_THIS = "WHERE proposal = :proposal"
_EVERY = PROPOSALS.select("ORDER BY proposed_at DESC")
_BY_LINK = PROPOSALS.select("WHERE link_hash = :hash")
_APPROVALS = APPROVALS.select(f"{_THIS} ORDER BY approved_at")
_PAST = "SELECT proposal FROM proposals WHERE expires_at < :before"


class ProposalRecord(Struct, frozen=True):
    """One proposal. Times are Unix seconds, `expires_at` a whole number of them."""

    proposal: str
    link_hash: bytes
    action: str
    subject: str
    state: str
    revision: int
    approvals: int
    proposed_at: float
    expires_at: float


class ApprovalRecord(Struct, frozen=True):
    """One person's yes, and the passkey that said it."""

    proposal: str
    administrator: str
    revision: int
    """The proposal's; every change writes every approval anew."""
    name: str
    passkey: bytes
    approved_at: float


class Proposal(Struct, frozen=True):
    """A proposal with its approvals, as read and verified."""

    record: ProposalRecord
    approvals: tuple[ApprovalRecord, ...]


class ProposalRefusedError(Exception):
    """No such proposal, or not for this person any more. `code` is stable, and told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Proposals:
    """Keeps them; the one who grants (`approvals.Approvals`)."""

    def __init__(
        self,
        instance: str,
        public_url: str,
        base: Foundation,
        administrators: Administrators,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._instance = instance
        self._page = public_url.rstrip("/") + "/approve"
        self._link_key = base.keys.links
        self._database: Database = base.database
        self._witness = base.witness
        self._seal = base.seal
        self._administrators = administrators
        self._clock = clock
        self._log = log
        self._rows = SealedTable(PROPOSALS, ProposalRecord, base.seal)
        self._approval_rows = SealedTable(APPROVALS, ApprovalRecord, base.seal)

    def require(self, action: Action, subject: str) -> str:
        """The proposal that grants exactly this; else one is proposed, and `NotApprovedError` raised."""
        people = self._administrators.whole()
        if len(people) < NEEDED:
            raise RefusedError(
                Refusal(
                    code="too_few_administrators",
                    message=f"two administrators of the vault must approve this, and {len(people)} can",
                    hint="sealgate vault administrators invite --name NAME, until two have enrolled",
                )
            )
        proposal = self._open(action, subject) or self._propose(action, subject)
        if len(_counted(proposal, people)) < NEEDED:
            raise NotApprovedError(ApprovalsMissing(proposal=self.row(proposal)))
        return proposal.record.proposal

    def use_up(self, proposal: str) -> None:
        """Note that it was done: the same approvals serve for nothing else."""
        found = next(each for each in self._sound() if each.record.proposal == proposal)
        self._write(structs.replace(found.record, state=DONE), found.approvals)

    def close(self, action: Action, subject: str) -> None:
        """Note that it was done, by whatever proposal; none is as good."""
        found = self._open(action, subject)
        if found is not None:
            self.use_up(found.record.proposal)

    def every(self) -> tuple[ProposalRow, ...]:
        """The newest first; those that were altered are left out, after an alarm."""
        return tuple(self.row(each) for each in self._sound())

    def look(self, link: str) -> Proposal:
        """The proposal of a link; raises `ProposalRefusedError`."""
        row = None
        if _FORM.fullmatch(link):
            row = self._database.row(_BY_LINK, {"hash": _hash(link)})
        try:
            if row is not None:
                return self._read(row)
        except AlarmError:
            pass
        raise ProposalRefusedError("proposal_unknown")

    def approve(self, link: str, assertion: Assertion) -> Proposal:
        """Add one person's yes; raises `ProposalRefusedError` or `PasskeyRefusedError`."""
        proposal = self.look(link)
        if self._state(proposal) not in {OPEN, "granted"}:
            raise ProposalRefusedError("proposal_over")
        people = self._administrators.whole()
        now_s = self._clock()
        person = self._administrators.verify(people, self.challenge(proposal), assertion, now_s)
        name = person.record.administrator
        if name in {each.administrator for each in _counted(proposal, people)}:
            raise ProposalRefusedError("approved_already")
        given = ApprovalRecord(
            proposal=proposal.record.proposal,
            administrator=name,
            revision=0,  # the proposal's, when it is stored
            name=person.record.name,
            passkey=assertion.passkey,
            approved_at=now_s,
        )
        others = (each for each in proposal.approvals if each.administrator != name)
        after = self._write(proposal.record, (*others, given))
        self._log(
            "approved",
            proposal=given.proposal,
            action=after.record.action,
            administrator=given.administrator,
            approvals=len(after.approvals),
        )
        return after

    def challenge(self, proposal: Proposal) -> bytes:
        """What a passkey signs to approve it: exactly this, here, until then."""
        record = proposal.record
        fields = (self._instance, record.proposal, record.action, record.subject, str(int(record.expires_at)))
        return hashlib.sha256(bind("sealgate approval v1", *fields)).digest()

    def allowed(self) -> tuple[bytes, ...]:
        """Ids of every passkey that may approve."""
        return tuple(key.passkey for person in self._administrators.whole() for key in person.passkeys)

    def row(self, proposal: Proposal) -> ProposalRow:
        """A proposal as it stands now."""
        record = proposal.record
        return ProposalRow(
            proposal=record.proposal,
            action=record.action,
            subject=record.subject,
            proposed_at=record.proposed_at,
            expires_at=record.expires_at,
            needed=NEEDED,
            approved=tuple(
                ApprovalRow(each.administrator, each.name, each.approved_at)
                for each in _counted(proposal, self._administrators.whole())
            ),
            state=self._state(proposal),
            link=f"{self._page}#proposal={self._link(record.proposal)}",
        )

    def _state(self, proposal: Proposal) -> str:
        if proposal.record.state == DONE:
            return DONE
        if proposal.record.expires_at <= self._clock():
            return "expired"
        people = self._administrators.whole()
        return "granted" if len(_counted(proposal, people)) >= NEEDED else OPEN

    def _open(self, action: Action, subject: str) -> Proposal | None:
        return next(
            (
                each
                for each in self._sound()
                if (each.record.action, each.record.subject) == (action.value, subject)
                and self._state(each) in {OPEN, "granted"}
            ),
            None,
        )

    def _propose(self, action: Action, subject: str) -> Proposal:
        now_s = self._clock()
        name = new_id("prop")
        record = ProposalRecord(
            proposal=name,
            link_hash=_hash(self._link(name)),
            action=action.value,
            subject=subject,
            state=OPEN,
            revision=0,
            approvals=0,
            proposed_at=now_s,
            expires_at=float(int(now_s + LIFETIME_S)),
        )
        proposal = self._write(record, ())
        self._log("proposed", proposal=name, action=action.value)
        return proposal

    def _link(self, proposal: str) -> str:
        """256 bits that nobody can guess, and that need not be kept to be shown again."""
        return base64url.encode(hmac.digest(self._link_key, bind("sealgate proposal", proposal), "sha256"))

    def _sound(self) -> list[Proposal]:
        found = []
        for row in self._database.rows(_EVERY):
            try:
                found.append(self._read(row))
            except AlarmError:
                continue
        return found

    def _read(self, row: tuple[Cell, ...]) -> Proposal:
        record = self._rows.read(row)
        if not self._witness.stands(record.proposal, record.revision, record.state):
            raise self._seal.alarm("proposals", record.proposal)
        rows = self._database.rows(_APPROVALS, {"proposal": record.proposal})
        given = tuple(self._approval_rows.read(each) for each in rows)
        if len(given) != record.approvals or any(each.revision != record.revision for each in given):
            raise self._seal.alarm("approvals", record.proposal)
        return Proposal(record, given)

    def _write(self, record: ProposalRecord, given: Sequence[ApprovalRecord]) -> Proposal:
        after = structs.replace(record, revision=record.revision + 1, approvals=len(given))
        kept = tuple(structs.replace(each, revision=after.revision) for each in given)
        with self._witness.change(after.proposal, after.revision, after.state) as connection:
            self._clear(connection, after.proposal)
            connection.execute(PROPOSALS.insert, self._rows.row(after))
            connection.executemany(APPROVALS.insert, map(self._approval_rows.row, kept))
        return Proposal(after, kept)

    def _clear(self, connection: Connection, proposal: str) -> None:
        """Room for this proposal's new rows; those whose end is long past go too."""
        before = self._clock() - KEPT_S
        for table in (APPROVALS, PROPOSALS):
            connection.execute(table.delete(f"WHERE proposal IN ({_PAST})"), {"before": before})
            connection.execute(table.delete(_THIS), {"proposal": proposal})


def _counted(proposal: Proposal, people: Iterable[Administrator]) -> tuple[ApprovalRecord, ...]:
    """The approvals whose passkey may still give one."""
    able = {key.passkey for person in people for key in person.passkeys}
    return tuple(each for each in proposal.approvals if each.passkey in able)


def _hash(link: str) -> bytes:
    return hashlib.sha256(link.encode()).digest()
