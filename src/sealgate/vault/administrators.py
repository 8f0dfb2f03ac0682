"""Administrators of the vault: who may approve, with which passkeys, and how they come and go.

Counterparts: `administering`, through which operators invite and remove; `passkeys`, which verifies;
`proposals` and `deposits`, which ask for approvals. The console neither makes nor names one. Every change
of a person, passkeys and all, is one witnessed change: a row that was planted, edited, removed or put back
from an old copy is an alarm and counts for nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from sealgate.ids import new_id
from sealgate.log import Log
from sealgate.vault import passkeys
from sealgate.vault.connection import Connection
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.passkeys import Assertion, PasskeyRefusedError, Registered
from sealgate.vault.relying_party import RelyingParty
from sealgate.vault.rowseal import Cell, RowSeal, SealedTable
from sealgate.vault.schema import ADMINISTRATORS, PASSKEYS
from sealgate.vault.witness import ERASED, Witness

INVITED, ENROLLED, ENROLLED_WHOLE = "invited", "enrolled", "enrolled-whole"
"""States, in the row and in the anchor. `enrolled-whole`: of the whole vault, with a passkey at least."""
INVITATION_LIFETIME_S = 86_400.0
PASSKEYS_LIMIT = 10
_INVITATION_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")

_THIS = "WHERE administrator = :administrator"
_EVERY = ADMINISTRATORS.select("ORDER BY rowid")
_BY_ID = ADMINISTRATORS.select(_THIS)
_BY_INVITATION = ADMINISTRATORS.select("WHERE invitation_hash = :hash")
_APPROVERS = ADMINISTRATORS.select(
    "WHERE organization IN (:organization, '') AND passkeys > 0 ORDER BY rowid"
)
_PASSKEYS = PASSKEYS.select(f"{_THIS} ORDER BY rowid")
_PASSKEY = "SELECT administrator FROM passkeys WHERE passkey = :passkey"


class AdministratorRecord(Struct, frozen=True):
    """One person. Times are Unix seconds."""

    administrator: str
    name: str
    organization: str
    """Whose deposits they approve; empty: everybody's, and what concerns the whole vault."""
    state: str
    revision: int
    """How often this person changed; the witness knows the last one."""
    passkeys: int
    made_at: float
    invitation_hash: bytes | None
    """SHA-256 of the one open invitation."""
    invitation_expires_at: float | None
    invitation_approved: int
    """1: two administrators approved it; 0: made while there were not two."""


class PasskeyRecord(Struct, frozen=True):
    """One passkey: its public half, and where its counter stands."""

    passkey: bytes
    administrator: str
    revision: int
    """The person's; every change writes every passkey anew."""
    public_key: bytes
    counter: int
    transports: str
    enrolled_at: float
    used_at: float | None


class Administrator(Struct, frozen=True):
    """A person with every passkey, as read and verified."""

    record: AdministratorRecord
    passkeys: tuple[PasskeyRecord, ...]

    @property
    def is_whole(self) -> bool:
        """True for one who may approve what concerns the whole vault."""
        return self.record.state == ENROLLED_WHOLE


class InvitationRefusedError(Exception):
    """The invitation does not count. `code` is for the log alone: outside, all of them look alike."""

    def __init__(self, code: str) -> None:
        super().__init__("the invitation does not count")
        self.code = code


class Administrators:
    """Keeps them."""

    def __init__(
        self, party: RelyingParty, database: Database, witness: Witness, seal: RowSeal, log: Log
    ) -> None:
        self.party = party
        self._database = database
        self._witness = witness
        self._seal = seal
        self._log = log
        self._rows = SealedTable(ADMINISTRATORS, AdministratorRecord, seal)
        self._passkey_rows = SealedTable(PASSKEYS, PasskeyRecord, seal)

    @property
    def are_two(self) -> bool:
        """True once two of the whole vault are enrolled: from then on it takes two to change them.

        Told by the witness, not by rows: who removes rows does not get back to the beginning.
        """
        return sum(1 for state in self._states().values() if state == ENROLLED_WHOLE) > 1

    def every(self) -> tuple[tuple[str, Administrator | None], ...]:
        """Everybody by their id; None for one whose rows were altered or removed, after an alarm."""
        ids = dict.fromkeys(str(row[0]) for row in self._database.rows(_EVERY))
        missing = (name for name, state in self._states().items() if state != ERASED and name not in ids)
        return tuple((name, self._sound(name)) for name in (*ids, *missing))

    def approvers(self, organization: str) -> tuple[Administrator, ...]:
        """Who may approve a deposit of an organization: its own, and those of the whole vault."""
        rows = self._database.rows(_APPROVERS, {"organization": organization})
        found = (self._sound(str(row[0])) for row in rows)
        return tuple(each for each in found if each is not None and each.passkeys)

    def whole(self) -> tuple[Administrator, ...]:
        """Who may approve what concerns the whole vault."""
        return tuple(each for each in self.approvers("") if each.is_whole)

    def find(self, administrator: str) -> Administrator | None:
        """One person; raises `AlarmError` for rows that were altered, removed or put back."""
        row = self._database.row(_BY_ID, {"administrator": administrator})
        standing = self._witness.standing(administrator)
        if row is None:
            if standing is not None and standing.state != ERASED:
                raise self._seal.alarm("administrators", administrator)
            return None
        return self._read(row)

    def invite(
        self, before: Administrator | None, name: str, organization: str, now_s: float, *, approved: bool
    ) -> tuple[AdministratorRecord, str]:
        """Draw an invitation for a new person, or one more passkey of `before`; gives its text.

        An earlier one of the same person stops working.
        """
        token = secrets.token_urlsafe(_INVITATION_BYTES)
        record = _invited(name, organization, now_s) if before is None else _next(before.record)
        record = structs.replace(
            record,
            invitation_hash=_hash(token),
            invitation_expires_at=now_s + INVITATION_LIFETIME_S,
            invitation_approved=int(approved),
        )
        self._write(record, () if before is None else before.passkeys)
        self._log(
            "administrator_invited", administrator=record.administrator, organization=record.organization
        )
        return record, token

    def invited(self, token: str, now_s: float) -> Administrator:
        """Whose invitation it is, without using it; raises `InvitationRefusedError` after logging why."""
        row = None
        if _FORM.fullmatch(token):
            row = self._database.row(_BY_INVITATION, {"hash": _hash(token)})
        if row is None:
            raise self._refuse("unknown")
        try:
            found = self._read(row)
        except AlarmError as error:
            raise self._refuse("damaged") from error
        record = found.record
        if record.invitation_expires_at is None or record.invitation_expires_at <= now_s:
            raise self._refuse("expired", record)
        if not record.organization and not record.invitation_approved and self.are_two:
            # Made before there were two, to be used after: the two did not approve it.
            raise self._refuse("not_approved", record)
        return found

    def enrol(
        self, before: Administrator, registered: Registered, transports: Sequence[str], now_s: float
    ) -> Administrator:
        """Add a passkey and use the invitation up; raises `PasskeyRefusedError` for one that is known."""
        if len(before.passkeys) >= PASSKEYS_LIMIT:
            raise PasskeyRefusedError("too_many")
        if self._database.row(_PASSKEY, {"passkey": registered.passkey}) is not None:
            raise PasskeyRefusedError("known")
        added = PasskeyRecord(
            passkey=registered.passkey,
            administrator=before.record.administrator,
            revision=0,  # the person's, when it is stored
            public_key=registered.public_key,
            counter=registered.counter,
            transports=",".join(transports),
            enrolled_at=now_s,
            used_at=None,
        )
        state = ENROLLED if before.record.organization else ENROLLED_WHOLE
        after = self._write(structs.replace(_next(before.record), state=state), (*before.passkeys, added))
        self._note("passkey_enrolled", after.record, added.passkey)
        return after

    def remove_passkey(self, before: Administrator, gone: PasskeyRecord) -> Administrator:
        """Let one passkey of several count no more."""
        kept = tuple(each for each in before.passkeys if each.passkey != gone.passkey)
        after = self._write(_next(before.record), kept)
        self._note("passkey_removed", after.record, gone.passkey)
        return after

    def remove(self, administrator: str) -> None:
        """Let a person count no more, rows sound or not; the id is closed for ever."""
        standing = self._witness.standing(administrator)
        assert standing is not None, "who asks knows this person"
        with self._witness.change(administrator, standing.version + 1, ERASED) as connection:
            for table in (ADMINISTRATORS, PASSKEYS):
                connection.execute(table.delete(_THIS), {"administrator": administrator})
        self._log("administrator_removed", administrator=administrator)

    def of_organization(self, organization: str) -> tuple[str, ...]:
        """Everybody of one organization by their ids, for its erasure; an altered row is nobody's."""
        every = (person for _, person in self.every() if person is not None)
        found = (each.record for each in every)
        return tuple(each.administrator for each in found if each.organization == organization)

    def is_erased(self, organization: str) -> bool:
        """True for an organization that nothing comes in for any more."""
        return self._witness.is_erased(organization)

    def is_known(self, administrator: str) -> bool:
        """True for one who was invited and not removed, rows sound or not."""
        standing = self._witness.standing(administrator)
        return standing is not None and standing.state != ERASED

    def verify(
        self, candidates: Iterable[Administrator], challenge: bytes, assertion: Assertion, now_s: float
    ) -> Administrator:
        """Which candidate signed this challenge with a passkey; raises `PasskeyRefusedError`, logged."""
        held = {key.passkey: (person, key) for person in candidates for key in person.passkeys}
        person, key = held.get(assertion.passkey, (None, None))
        try:
            if person is None or key is None:
                raise PasskeyRefusedError("unknown")
            counter = passkeys.verify(self.party, challenge, assertion, key.public_key, key.counter)
        except PasskeyRefusedError as error:
            self.refused(error.code, None if person is None else person.record, assertion.passkey)
            raise
        self._count(structs.replace(key, counter=counter, used_at=now_s))
        return person

    def refused(self, code: str, record: AdministratorRecord | None, passkey: bytes) -> None:
        """Log why a passkey does not count."""
        name = "" if record is None else record.administrator
        self._log("passkey_refused", code=code, administrator=name, passkey=passkeys.short_name(passkey))

    def _states(self) -> dict[str, str]:
        return {name: each.state for name, each in self._witness.standings("adm_").items()}

    def _sound(self, administrator: str) -> Administrator | None:
        try:
            return self.find(administrator)
        except AlarmError:
            return None

    def _read(self, row: tuple[Cell, ...]) -> Administrator:
        record = self._rows.read(row)
        if not self._witness.stands(record.administrator, record.revision, record.state):
            raise self._seal.alarm("administrators", record.administrator)
        rows = self._database.rows(_PASSKEYS, {"administrator": record.administrator})
        held = tuple(self._passkey_rows.read(each) for each in rows)
        if len(held) != record.passkeys or any(each.revision != record.revision for each in held):
            raise self._seal.alarm("passkeys", record.administrator)
        return Administrator(record, held)

    def _write(self, record: AdministratorRecord, held: Sequence[PasskeyRecord]) -> Administrator:
        after = structs.replace(record, passkeys=len(held))
        kept = tuple(structs.replace(each, revision=after.revision) for each in held)
        with self._witness.change(after.administrator, after.revision, after.state) as connection:
            self._put(connection, after, kept)
        return Administrator(after, kept)

    def _put(
        self, connection: Connection, record: AdministratorRecord, held: Sequence[PasskeyRecord]
    ) -> None:
        row = self._rows.row(record)
        if connection.execute(ADMINISTRATORS.update(_THIS), row).rowcount == 0:
            connection.execute(ADMINISTRATORS.insert, row)
        connection.execute(PASSKEYS.delete(_THIS), {"administrator": record.administrator})
        connection.executemany(PASSKEYS.insert, map(self._passkey_rows.row, held))

    def _count(self, key: PasskeyRecord) -> None:
        """Not witnessed: an old counter that is put back helps only who has the passkey."""
        with self._database.transaction() as connection:
            connection.execute(PASSKEYS.update("WHERE passkey = :passkey"), self._passkey_rows.row(key))

    def _refuse(self, code: str, record: AdministratorRecord | None = None) -> InvitationRefusedError:
        name = "" if record is None else record.administrator
        self._log("invitation_refused", code=code, administrator=name)
        return InvitationRefusedError(code)

    def _note(self, event: str, record: AdministratorRecord, passkey: bytes) -> None:
        self._log(
            event,
            administrator=record.administrator,
            organization=record.organization,
            passkey=passkeys.short_name(passkey),
            passkeys=record.passkeys,
        )


def _invited(name: str, organization: str, now_s: float) -> AdministratorRecord:
    return AdministratorRecord(
        administrator=new_id("adm"),
        name=name,
        organization=organization,
        state=INVITED,
        revision=1,
        passkeys=0,
        made_at=now_s,
        invitation_hash=None,
        invitation_expires_at=None,
        invitation_approved=0,
    )


def _next(record: AdministratorRecord) -> AdministratorRecord:
    """The next revision; an open invitation ends with each."""
    return structs.replace(
        record,
        revision=record.revision + 1,
        invitation_hash=None,
        invitation_expires_at=None,
        invitation_approved=0,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
