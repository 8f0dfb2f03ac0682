"""The provider keys that are open now: one wiped slot each, for seconds.

Counterpart: the vault's opener. A key is dropped when its time is over, when the vault says that it changed,
and whenever the connection to the vault comes back (a notice may have been missed); while the vault is away,
it stays until its lease ends. Must never hold a key anywhere but in its slot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.opening import (
    CredentialChanged,
    CredentialEvent,
    Open,
    Opened,
    OpenRefusal,
    Renew,
)
from sealgate.messages.slot import Slot, SlotArena
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.key_watch import mark_of

REFUSALS = {
    OpenRefusal.NO_CREDENTIAL: "credential_missing",
    OpenRefusal.REVOKED: "credential_revoked",
    OpenRefusal.DAMAGED: "credential_damaged",
}
OPEN_S = 5.0


class Held:
    """One open key. `users` are exchanges that wait for a connection to send it on."""

    __slots__ = (
        "expired",
        "fresh_until_s",
        "lease_until_s",
        "mark",
        "opening",
        "pseudonym_key",
        "slot",
        "users",
        "version",
    )

    def __init__(self, opening: Open, opened: Opened, slot: Slot, cache_s: float) -> None:
        now_s = time.monotonic()
        self.opening, self.slot, self.version = opening, slot, opened.version
        self.pseudonym_key = opened.pseudonym_key
        self.mark = mark_of(slot.key())
        self.fresh_until_s = now_s + min(cache_s, opened.lease_s)
        self.lease_until_s = now_s + opened.lease_s
        self.users = 0
        self.expired = False

    def retain(self) -> None:
        """Keep the slot until `release`, unless the credential changes."""
        self.users += 1

    def release(self) -> None:
        """The key was sent, or will not be."""
        self.users -= 1
        if self.expired and self.users == 0:
            self.slot.wipe()

    def expire(self) -> None:
        """Its time is over: wipe as soon as nobody waits to send it."""
        self.expired = True
        if self.users == 0:
            self.slot.wipe()

    def __repr__(self) -> str:
        return f"<Held {self.opening.credential} version {self.version}, {self.slot!r}>"


class Credentials:
    """`on_revoked(credential)` cuts what runs on it and gives how many that were."""

    def __init__(
        self, vault: Client, arena: SlotArena, log: Log, *, cache_s: float, on_revoked: Callable[[str], int]
    ) -> None:
        self._vault, self._arena, self._log = vault, arena, log
        self._cache_s, self._on_revoked = cache_s, on_revoked
        self._held: dict[str, Held] = {}
        self._opens: dict[Open, asyncio.Task[Held]] = {}
        self._changes = 0
        self._checks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    def find(self, opening: Open) -> Held | None:
        """The open key of a credential, if it may be used now; never asks."""
        held = self._held.get(opening.credential)
        if held is None or (held.opening is not opening and held.opening != opening):
            return None
        now_s = time.monotonic()
        if now_s < held.fresh_until_s or (now_s < held.lease_until_s and not self._vault.connected):
            return held
        return None

    def open(self, opening: Open) -> asyncio.Task[Held]:
        """Have the vault open it, once for all who wait. Fails with `ProxyError`."""
        task = self._opens.get(opening)
        if task is None:
            task = asyncio.ensure_future(self._open(opening))
            self._opens[opening] = task
            task.add_done_callback(lambda _done: self._opens.pop(opening, None))
        return task

    def expire(self) -> None:
        """Wipe what is over; called several times a second."""
        now_s, connected = time.monotonic(), self._vault.connected
        over = [
            held
            for held in self._held.values()
            if now_s >= (held.fresh_until_s if connected else held.lease_until_s)
        ]
        for held in over:
            del self._held[held.opening.credential]
            held.expire()

    def noticed(self, notice: Message) -> None:
        """The vault says that a credential changed: wipe at once; cut what runs if it was revoked."""
        if not isinstance(notice, CredentialChanged):
            return
        self._changes += 1
        self._wipe(notice.credential)
        cut = self._on_revoked(notice.credential) if notice.event is CredentialEvent.REVOKED else 0
        self._log("credential_dropped", credential=notice.credential, event=notice.event.value, cut=cut)

    def reconnected(self, running: Iterable[tuple[str, int]]) -> None:
        """The vault is back: hold nothing from before, and ask whether what runs may go on."""
        self._changes += 1
        self.wipe_all()
        for credential, version in set(running):
            task = asyncio.ensure_future(self._check(credential, version))
            self._checks.add(task)
            task.add_done_callback(self._checks.discard)

    def wipe_all(self) -> None:
        """Hold nothing any more."""
        for credential in list(self._held):
            self._wipe(credential)

    def _wipe(self, credential: str) -> None:
        held = self._held.pop(credential, None)
        if held is not None:
            held.slot.wipe()

    async def _open(self, opening: Open) -> Held:
        while True:
            changes = self._changes
            slot = self._arena.take()
            try:
                opened = await self._vault.ask(opening, slot=slot, timeout_s=OPEN_S)
            except NotConnectedError as error:
                slot.wipe()
                raise ProxyError("vault_unavailable") from error
            except RefusedError as error:
                slot.wipe()
                raise self._refusal(opening, error) from error
            except BaseException:
                slot.wipe()
                raise
            if not isinstance(opened, Opened) or opened.credential != opening.credential:
                slot.wipe()
                raise ProxyError("credential_damaged")
            if changes == self._changes:  # else a notice overtook the answer: ask again
                return self._hold(Held(opening, opened, slot, self._cache_s))
            slot.wipe()

    def _hold(self, held: Held) -> Held:
        before = self._held.get(held.opening.credential)
        if before is not None:
            before.expire()
        self._held[held.opening.credential] = held
        return held

    def _refusal(self, opening: Open, error: RefusedError) -> ProxyError:
        self._log("credential_refused", credential=opening.credential, code=error.refusal.code)
        for code, ours in REFUSALS.items():
            if error.refusal.code == code.value:
                return ProxyError(ours)
        return ProxyError("vault_unavailable")

    async def _check(self, credential: str, version: int) -> None:
        try:
            await self._vault.ask(Renew(credential=credential, version=version))
        except RefusedError as error:
            if error.refusal.code in (OpenRefusal.REVOKED, OpenRefusal.NO_CREDENTIAL):
                self._on_revoked(credential)
        except NotConnectedError:
            return  # the next connection asks again
