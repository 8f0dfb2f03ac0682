"""The opener: gives a proxy one key for one purpose, under a lease, over `vault-opener.sock`.

Counterpart: the proxy's `credentials`. Nothing is opened that is not active, newest and bound exactly as
asked; the key goes from the envelope into one slot, from there into the socket, and is wiped. Where the KEK's
keeper must be asked first, the answer comes later, and nobody else waits for it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from sealgate.envelope import SealingPrivateKey
from sealgate.log import Log
from sealgate.messages.frames import Message, Refusal, RefusedError
from sealgate.messages.opening import Open, Opened, OpenRefusal, Renew, Renewed
from sealgate.messages.server import Peer, Reply, SecretReply
from sealgate.messages.slot import Slot
from sealgate.messages.tickets import CredentialState
from sealgate.vault import fields
from sealgate.vault.config import VaultConfig
from sealgate.vault.envelopes import Envelopes
from sealgate.vault.faults import AlarmError, StorageError
from sealgate.vault.quotas import Quotas
from sealgate.vault.stores import Stores
from sealgate.vault.versions import Credential, CredentialRecord, VersionRecord

_PEER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NAME_LIMIT_CHARS = 64


class OpenRefusedError(RefusedError):
    """A refusal whose `cause`, for the log alone, is more exact than what the proxy is told."""

    def __init__(self, code: OpenRefusal, cause: str, message: str, hint: str) -> None:
        super().__init__(Refusal(code=code.value, message=message, hint=hint))
        self.cause = cause


class _NotUnwrappedError(Exception):
    """The keeper must be asked for the private key of this version, or for the pepper, first."""

    def __init__(self, record: CredentialRecord, version: VersionRecord) -> None:
        super().__init__("not unwrapped yet")
        self.record = record
        self.version = version


class Opener:
    """Answers proxies. `handle` is the handler of a `messages.server.Server`."""

    def __init__(
        self,
        config: VaultConfig,
        stores: Stores,
        envelopes: Envelopes,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._envelopes = envelopes
        self._lease_s = config.lease_s
        self._stores = stores
        self._clock = clock
        self._log = log
        self.quotas = Quotas(config.proxies, config.opens_per_minute, clock, log)

    def handle(self, peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
        """Answer one request of a proxy, at once if it can; raises `RefusedError` after logging why."""
        if type(message) is not Open:
            assert isinstance(message, Renew)  # the server decodes nothing else
            with self._refusals_noted(peer, message):
                return self._renew(peer, message)
        if not self.quotas.take(peer.uid, _name(peer)):
            self._count(peer, message, refused=True)
            raise _over_quota(self.quotas.seconds_left())  # told once a minute, with the count
        try:
            return self._answered(peer, message)
        except _NotUnwrappedError as missing:
            return self._answered_later(peer, message, missing)

    def _answered(self, peer: Peer, message: Open, *, waited: bool = False) -> Reply:
        try:
            reply = self._open(peer, message, waited=waited)
        except (RefusedError, AlarmError, StorageError):
            with self._refusals_noted(peer, message):
                raise
        self._count(peer, message)
        return reply

    async def _answered_later(self, peer: Peer, message: Open, missing: _NotUnwrappedError) -> Reply:
        """Everything is looked at anew afterwards: it may have been revoked meanwhile."""
        with self._refusals_noted(peer, message):
            await self._envelopes.unwrap_ahead(missing.record, missing.version)
            await self._stores.peppers.unwrap_ahead(missing.record.organization, missing.record.application)
        return self._answered(peer, message, waited=True)

    @contextmanager
    def _refusals_noted(self, peer: Peer, message: Open | Renew) -> Iterator[None]:
        try:
            yield
        except OpenRefusedError as error:
            self._note_refusal(peer, message, error.refusal.code, error.cause)
            raise
        except RefusedError as error:
            self._note_refusal(peer, message, error.refusal.code)
            raise
        except AlarmError as error:
            self._note_refusal(peer, message, OpenRefusal.DAMAGED.value, error.what)
            raise _damaged() from error
        except StorageError as error:
            self._log("database_failed", error=type(error).__name__, operation="open")
            raise _unavailable() from error

    def _renew(self, peer: Peer, message: Renew) -> Renewed:
        fields.check_id("cred", "credential", message.credential)
        fields.check_version(message.version)
        found = self._stores.credentials.find(message.credential)
        if found is None:
            raise _no_credential("unknown")
        self._check_listed(peer, found.record.organization)
        self._check_living(found.record)
        # What runs on the previous key after a switch may end in peace: that key is still held.
        if found.version(message.version) is None:
            raise _no_credential("no_version")
        return Renewed(lease_s=self._lease_s)

    def _open(self, peer: Peer, message: Open, *, waited: bool) -> SecretReply:
        found = self._bound(peer, message)
        record = found.record
        self._check_living(record)
        version = found.active if message.version is None else found.version(message.version)
        if version is None:
            raise _no_credential("no_version")
        private, pseudonym_key = self._keys(record, version, waited=waited)
        opened = Opened(
            credential=record.credential,
            version=version.version,
            lease_s=self._lease_s,
            pseudonym_key=pseudonym_key,
        )
        slot = self._stores.arena.take()
        try:
            self._envelopes.open_with(private, found, version, slot.buffer())
            self._renew_envelope(found, version, slot)
        except BaseException:
            slot.wipe()
            raise
        self._stores.opens.note(record.credential, self._clock())
        return SecretReply(opened, slot)

    def _keys(
        self, record: CredentialRecord, version: VersionRecord, *, waited: bool
    ) -> tuple[SealingPrivateKey, bytes]:
        """What the version is sealed to, and the application's key of pseudonyms."""
        peppers = self._stores.peppers
        if waited:
            pseudonym_key = peppers.pseudonym_key(record.organization, record.application)
            return self._envelopes.private(record, version), pseudonym_key
        private = self._envelopes.private_here(record, version)
        here = peppers.key_here(record.organization, record.application)
        if private is None or here is None:
            raise _NotUnwrappedError(record, version)
        return private, here

    def _bound(self, peer: Peer, asked: Open) -> Credential:
        """The credential, bound as asked; what is asked as before needs no second look at its form."""
        found = self._stores.credentials.known(asked.credential)
        if found is not None and asked.version is None and _other(found.record, asked) is None:
            self._check_listed(peer, asked.organization)
            return found
        self._check_form(asked)
        self._check_listed(peer, asked.organization)
        found = found or self._stores.credentials.read(asked.credential)
        if found is None:
            raise _no_credential("unknown")
        if (other := _other(found.record, asked)) is not None:
            raise _no_credential(f"other_{other}")
        return found

    @staticmethod
    def _check_form(asked: Open) -> None:
        fields.check_id("cred", "credential", asked.credential)
        fields.check_id("org", "organization", asked.organization)
        fields.check_id("app", "application", asked.application)
        fields.check_destination_names(asked.provider, asked.origin)
        if asked.version is not None:
            fields.check_version(asked.version)

    def _check_listed(self, peer: Peer, organization: str) -> None:
        """Another organization's key looks as if it were not there."""
        if not self.quotas.allows(peer.uid, organization):
            raise _no_credential("not_listed")

    def _check_living(self, record: CredentialRecord) -> None:
        if record.state != CredentialState.ACTIVE:
            raise _revoked("revoked")
        if self._stores.credentials.is_cut(record):
            raise _revoked("erased_or_being_revoked")
        if self._stores.destinations.find(record.provider, record.origin) is None:
            raise _no_credential("destination_gone")

    def _renew_envelope(self, found: Credential, version: VersionRecord, slot: Slot) -> None:
        """Seal a key of an old epoch anew, while it is open. This can wait; the proxy cannot."""
        try:
            if self._envelopes.is_old(found.record, version):
                self._envelopes.renew(found, version, slot.buffer())
        except (AlarmError, OSError) as error:
            self._log("reseal_failed", error=type(error).__name__, credential=found.record.credential)

    def _count(self, peer: Peer, message: Open, *, refused: bool = False) -> None:
        """By credential, if there ever was one under that id."""
        asked = message.credential
        if refused and not self._stores.credentials.was_seen(fields.shown("cred", message, "credential")):
            asked = ""
        self._stores.counts.note(asked, peer.uid, _name(peer), self._clock(), refused=refused)

    def _note_refusal(self, peer: Peer, message: Open | Renew, code: str, cause: str = "") -> None:
        if isinstance(message, Open):
            self._count(peer, message, refused=True)
        self._log(
            "open_refused",
            code=code,
            cause=cause,
            operation=type(message).__name__,
            organization=fields.shown("org", message, "organization"),
            application=fields.shown("app", message, "application"),
            credential=fields.shown("cred", message, "credential"),
            proxy=_name(peer),
            uid=peer.uid,
        )


def _other(record: CredentialRecord, asked: Open) -> str | None:
    """What a credential is bound to that is not as asked: the first of it; None where all is the same."""
    if record.organization != asked.organization:
        return "organization"
    if record.application != asked.application:
        return "application"
    if record.provider != asked.provider:
        return "provider"
    return None if record.origin == asked.origin else "origin"


def _name(peer: Peer) -> str:
    """What a proxy calls itself: nothing hangs on it."""
    return _checked_name(peer.name) if len(peer.name) <= _NAME_LIMIT_CHARS else "unnamed"


@functools.lru_cache(maxsize=64)
def _checked_name(name: str) -> str:
    return name if _PEER_NAME.fullmatch(name) else "unnamed"


def _over_quota(seconds_left: int) -> RefusedError:
    return _refused(
        OpenRefusal.QUOTA,
        "this proxy had as many keys opened in this minute as it may",
        f"ask again in {seconds_left} s; if it needs more, raise vault.opens_per_minute",
    )


def _refused(code: OpenRefusal, message: str, hint: str) -> RefusedError:
    return RefusedError(Refusal(code=code.value, message=message, hint=hint))


def _no_credential(cause: str) -> RefusedError:
    return OpenRefusedError(
        OpenRefusal.NO_CREDENTIAL,
        cause,
        "no key was deposited for this application and destination",
        "activate the add-on in the console",
    )


def _revoked(cause: str) -> RefusedError:
    return OpenRefusedError(
        OpenRefusal.REVOKED, cause, "this credential was revoked", "deposit a new key in the console"
    )


def _damaged() -> RefusedError:
    return _refused(
        OpenRefusal.DAMAGED,
        "the vault does not trust what it has stored for this credential",
        "look for alarms in the vault's log; revoke the credential and deposit the key again",
    )


def _unavailable() -> RefusedError:
    return _refused(
        OpenRefusal.UNAVAILABLE,
        "the vault cannot use its database or its KEK now",
        "look into the vault's log",
    )
