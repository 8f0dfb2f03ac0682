"""Which key of a credential is active, staged or previous, and how one becomes the other.

Counterpart: `credentials`, which reads and writes these records. Pure: each function gives the credential's
next record, or refuses. Every step is a new revision, a step back too: the witness remembers revisions, so an
older copy of these rows is known for what it is, even where it names the same versions.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from sealgate.envelope import Binding
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.tickets import CredentialState, VersionStanding


class CredentialRecord(Struct, frozen=True, gc=False):
    """One credential: what it is bound to, and which of its versions stands where."""

    credential: str
    organization: str
    application: str
    provider: str
    origin: str
    state: str
    revision: int
    """How often this credential changed; it only grows, and the witness knows the last one."""
    newest: int
    """The highest version ever deposited; no number is used twice."""
    active: int
    """The version that proxies use; of a revoked credential, the last one that they used."""
    staged: int | None
    previous: int | None
    revoked_at: float | None

    @property
    def held(self) -> tuple[int, ...]:
        """Every version whose row must be there, newest first."""
        if self.staged is None and self.previous is None:
            return (self.active,)
        numbers = {self.active, self.staged, self.previous} - {None}
        return tuple(sorted((number for number in numbers if number is not None), reverse=True))

    def standing(self, version: int) -> VersionStanding:
        """What a held version is for."""
        if version == self.active:
            return VersionStanding.ACTIVE
        return VersionStanding.STAGED if version == self.staged else VersionStanding.PREVIOUS


class VersionRecord(Struct, frozen=True, gc=False):
    """One deposited key: its envelope (None once revoked) and its mask."""

    credential: str
    version: int
    revision: int
    """The credential's; every change writes every held version anew."""
    key_id: bytes
    envelope: bytes | None
    fingerprint: str
    last_four: str
    deposited_at: float


class Credential(Struct, gc=False):
    """A credential with every version that is held, as read and verified."""

    record: CredentialRecord
    versions: tuple[VersionRecord, ...]
    """Newest first."""
    binding: Binding | None = None
    """Of the active version, once it was opened: worked out once for many opens."""

    def version(self, number: int) -> VersionRecord | None:
        """A held version by its number."""
        for each in self.versions:
            if each.version == number:
                return each
        return None

    @property
    def active(self) -> VersionRecord:
        """The version that proxies use."""
        found = self.version(self.record.active)
        assert found is not None, "read() lets no credential pass without its active version"
        return found


def replaced(record: CredentialRecord, version: int) -> CredentialRecord:
    """A new key takes the active one's place at once; what is staged or previous stays."""
    return _next(record, newest=version, active=version)


def staged(record: CredentialRecord, version: int) -> CredentialRecord:
    """A new key waits beside the active one, in the place of one that waited before."""
    return _next(record, newest=version, staged=version)


def resealed(record: CredentialRecord) -> CredentialRecord:
    """An envelope gave way to a new one around the same key; nothing else is different."""
    return _next(record)


def switched(record: CredentialRecord) -> CredentialRecord:
    """Staged becomes active, active becomes previous; the previous one before it is given up."""
    if record.staged is None:
        raise _refused("nothing_staged", "no version is staged", "deposit a key as staged first")
    return _next(record, active=record.staged, staged=None, previous=record.active)


def rolled_back(record: CredentialRecord) -> CredentialRecord:
    """Previous becomes active again, active becomes staged."""
    if record.previous is None:
        raise _refused(
            "nothing_previous", "no previous version is held", "deposit a key, or switch to a staged one"
        )
    if record.staged is not None:
        # Going back must not destroy a key that somebody deposited in the meantime.
        raise _refused(
            "staged_in_the_way",
            f"version {record.staged} is staged, where the active version would go",
            f"discard version {record.staged} first",
        )
    return _next(record, active=record.previous, staged=record.active, previous=None)


def discarded(record: CredentialRecord, version: int) -> CredentialRecord:
    """A staged or previous version is given up."""
    if version == record.active:
        raise _refused(
            "version_active",
            f"version {version} is in use",
            "switch to another one first, or revoke the credential",
        )
    if version == record.staged:
        return _next(record, staged=None)
    if version == record.previous:
        return _next(record, previous=None)
    raise _refused("unknown_version", f"version {version} is not held", "list the credential's versions")


def revoked(record: CredentialRecord, now_s: float) -> CredentialRecord:
    """Nothing is held any more but the mask of the last active version."""
    return _next(record, state=CredentialState.REVOKED.value, staged=None, previous=None, revoked_at=now_s)


def check_living(record: CredentialRecord) -> None:
    """Raise `RefusedError` for a credential that was revoked: it takes no new key and no other version."""
    if record.state != CredentialState.ACTIVE:
        raise _refused("credential_revoked", "this credential was revoked", "ask for a new credential")


def _next(record: CredentialRecord, **changes: int | str | float | None) -> CredentialRecord:
    return msgspec.structs.replace(record, revision=record.revision + 1, **changes)


def _refused(code: str, message: str, hint: str) -> RefusedError:
    return RefusedError(Refusal(code=code, message=message, hint=hint))
