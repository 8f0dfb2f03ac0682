"""The provider keys that are open now: one wiped slot each, for seconds.

Counterpart: the vault's opener. A key is dropped when the vault says that it changed; and, once its time is
over or the connection came back (a notice may have been missed), once the vault answers. While the vault
is away or silent, it stays until its lease ends. Must never hold a key anywhere but in its slot.
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
REFRESH_S = 0.5
RETRY_S = 2.0
"""With a leased key at hand nobody waits longer for a vault that may hang, and not at every request."""


class Held:
    """One open key. `users` are exchanges that wait for a connection to send it on."""

    __slots__ = (
        "asked_after",
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
        self.expired = self.asked_after = False

    @property
    def leased(self) -> bool:
        """True while it may serve though the vault does not answer."""
        return not self.expired and not self.slot.wiped and time.monotonic() < self.lease_until_s

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
        """Wipe what is over, unless the vault hangs: whether it does, one question tells; called often."""
        now_s, connected = time.monotonic(), self._vault.connected
        for held in list(self._held.values()):
            if now_s >= held.lease_until_s:
                self._drop(held)
            elif connected and now_s >= held.fresh_until_s and not held.asked_after:
                held.asked_after = True
                self._ask_after(held.opening.credential, held.version, held)

    def noticed(self, notice: Message) -> None:
        """The vault says that a credential changed: wipe at once; cut what runs if it was revoked."""
        if not isinstance(notice, CredentialChanged):
            return
        self._changes += 1
        self._wipe(notice.credential)
        cut = self._on_revoked(notice.credential) if notice.event is CredentialEvent.REVOKED else 0
        self._log("credential_dropped", credential=notice.credential, event=notice.event.value, cut=cut)

    def reconnected(self, running: Iterable[tuple[str, int]]) -> None:
        """The vault is back: drop what is from before as it answers, and ask whether what runs may go on."""
        self._changes += 1
        now_s, held = time.monotonic(), dict(self._held)
        for each in held.values():
            each.fresh_until_s, each.asked_after = min(each.fresh_until_s, now_s), True
        asked = {(each.opening.credential, each.version) for each in held.values()}
        for credential, version in asked | {each for each in running if each[1]}:  # 0: not opened yet
            self._ask_after(credential, version, held.get(credential))

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
                timeout_s = OPEN_S if self._at_hand(opening) is None else REFRESH_S
                opened = await self._vault.ask(opening, slot=slot, timeout_s=timeout_s)
            except NotConnectedError as error:
                slot.wipe()
                return self._leased(opening, ProxyError("vault_unavailable"), error)
            except RefusedError as error:
                slot.wipe()
                refusal = self._refusal(opening, error)
                if error.refusal.code not in REFUSALS:  # it says nothing of the key
                    return self._leased(opening, refusal, error)
                self._wipe(opening.credential)
                raise refusal from error
            except BaseException:
                slot.wipe()
                raise
            if not isinstance(opened, Opened) or opened.credential != opening.credential:
                slot.wipe()
                raise ProxyError("credential_damaged")
            if changes == self._changes:  # else a notice overtook the answer: ask again
                return self._hold(Held(opening, opened, slot, self._cache_s))
            slot.wipe()

    def _at_hand(self, opening: Open) -> Held | None:
        held = self._held.get(opening.credential)
        return held if held is not None and held.opening == opening and held.leased else None

    def _leased(self, opening: Open, error: ProxyError, cause: Exception) -> Held:
        """What is held already, while the vault cannot answer; else the error."""
        held = self._at_hand(opening)
        if held is None:
            raise error from cause
        held.fresh_until_s, held.asked_after = time.monotonic() + RETRY_S, False
        return held

    def _drop(self, held: Held) -> None:
        if self._held.get(held.opening.credential) is held:
            del self._held[held.opening.credential]
        held.expire()

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

    def _ask_after(self, credential: str, version: int, held: Held | None) -> None:
        task = asyncio.ensure_future(self._check(credential, version, held))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _check(self, credential: str, version: int, held: Held | None) -> None:
        """Ask whether a key may still be used; a vault that answers can open it again, so it is dropped."""
        try:
            await self._vault.ask(Renew(credential=credential, version=version), timeout_s=OPEN_S)
        except RefusedError as error:
            if error.refusal.code not in REFUSALS:
                held = None
            if error.refusal.code in (OpenRefusal.REVOKED, OpenRefusal.NO_CREDENTIAL):
                self._wipe(credential)
                self._on_revoked(credential)
        except NotConnectedError:
            held = None  # the next connection asks again
        if held is not None:
            self._drop(held)
