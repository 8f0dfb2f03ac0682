"""Has keys opened by the vault, and drops them in time.

Counterparts: the vault's opener; `held_keys.py`, where the keys stand. A key is dropped when the vault says
that it changed; and, once its time is over or the connection came back (a notice may have been missed), once
the vault answers. While the vault is away or silent, it stays until its lease ends. What the vault refused is
not asked for at every request: until it says that the credential changed, or comes back, or for `REFUSED_S`.
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
from sealgate.messages.slot import SlotArena
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.held_keys import Held, HeldKeys

REFUSALS = {
    OpenRefusal.NO_CREDENTIAL: "credential_missing",
    OpenRefusal.REVOKED: "credential_revoked",
    OpenRefusal.DAMAGED: "credential_damaged",
}
OPEN_S = 5.0
REFRESH_S = 0.5
REFUSED_S = 30.0
"""For what changes without a notice, such as a destination that the vault's configuration gained."""
REFUSED_KEPT = 10_000
RETRY_S = 2.0
"""With a leased key at hand nobody waits longer for a vault that may hang, and not at every request."""


class Credentials:
    """`on_revoked(credential)` cuts what runs on it and gives how many that were."""

    def __init__(
        self,
        vault: Client,
        keys: HeldKeys,
        arena: SlotArena,
        log: Log,
        *,
        cache_s: float,
        on_revoked: Callable[[str], int],
    ) -> None:
        self._vault, self._arena, self._log = vault, arena, log
        self._cache_s, self._on_revoked = cache_s, on_revoked
        self._keys = keys
        self._opens: dict[Open, asyncio.Task[Held]] = {}
        self._refused: dict[Open, tuple[str, float]] = {}
        self._changes = 0
        self._checks: set[asyncio.Task[None]] = set()

    def open(self, opening: Open) -> asyncio.Task[Held]:
        """Have the vault open it, once for all who wait. Raises `ProxyError`, or fails with it."""
        code, until_s = self._refused.get(opening, ("", 0.0))
        if time.monotonic() < until_s:
            raise ProxyError(code)
        task = self._opens.get(opening)
        if task is None:
            task = asyncio.ensure_future(self._open(opening))
            self._opens[opening] = task
            task.add_done_callback(lambda _done: self._opens.pop(opening, None))
        return task

    def expire(self) -> None:
        """Wipe what is over, unless the vault hangs: whether it does, one question tells; called often."""
        now_s, connected = time.monotonic(), self._vault.connected
        for held in self._keys.every().values():
            if now_s >= held.lease_until_s:
                self._keys.drop(held)
            elif connected and now_s >= held.fresh_until_s and not held.asked_after:
                held.asked_after = True
                self._ask_after(held.opening.credential, held.version, held)

    def noticed(self, notice: Message) -> None:
        """The vault says that a credential changed: wipe at once; cut what runs if it was revoked."""
        if not isinstance(notice, CredentialChanged):
            return
        self._changes += 1
        self._forget_refusals(notice.credential)
        self._keys.wipe(notice.credential)
        cut = self._on_revoked(notice.credential) if notice.event is CredentialEvent.REVOKED else 0
        self._log("credential_dropped", credential=notice.credential, event=notice.event.value, cut=cut)

    def reconnected(self, running: Iterable[tuple[str, int]]) -> None:
        """The vault is back: drop what is from before as it answers, and ask whether what runs may go on."""
        self._changes += 1
        self._refused.clear()
        now_s, held = time.monotonic(), self._keys.every()
        for each in held.values():
            each.fresh_until_s, each.asked_after = min(each.fresh_until_s, now_s), True
        asked = {(each.opening.credential, each.version) for each in held.values()}
        for credential, version in asked | {each for each in running if each[1]}:  # 0: not opened yet
            self._ask_after(credential, version, held.get(credential))

    def wipe_all(self) -> None:
        """Hold nothing any more."""
        for credential in self._keys.every():
            self._keys.wipe(credential)

    async def _open(self, opening: Open) -> Held:
        while True:
            changes = self._changes
            slot = self._arena.take()
            try:
                timeout_s = OPEN_S if self._keys.leased(opening) is None else REFRESH_S
                opened = await self._vault.ask(opening, slot=slot, timeout_s=timeout_s)
            except NotConnectedError as error:
                slot.wipe()
                return self._leased(opening, ProxyError("vault_unavailable"), error)
            except RefusedError as error:
                slot.wipe()
                refusal = self._refusal(opening, error)
                if error.refusal.code not in REFUSALS:  # it says nothing of the key
                    return self._leased(opening, refusal, error)
                self._keys.wipe(opening.credential)
                if changes == self._changes:
                    self._remember(opening, refusal.code)
                raise refusal from error
            except BaseException:
                slot.wipe()
                raise
            if not isinstance(opened, Opened) or opened.credential != opening.credential:
                slot.wipe()
                raise ProxyError("credential_damaged")
            if changes == self._changes:  # else a notice overtook the answer: ask again
                return self._keys.hold(Held(opening, opened, slot, self._cache_s))
            slot.wipe()

    def _remember(self, opening: Open, code: str) -> None:
        if len(self._refused) >= REFUSED_KEPT:
            self._refused.clear()
        self._refused[opening] = (code, time.monotonic() + REFUSED_S)

    def _forget_refusals(self, credential: str) -> None:
        for opening in [each for each in self._refused if each.credential == credential]:
            del self._refused[opening]

    def _leased(self, opening: Open, error: ProxyError, cause: Exception) -> Held:
        """What is held already, while the vault cannot answer; else the error."""
        held = self._keys.leased(opening)
        if held is None:
            raise error from cause
        held.fresh_until_s, held.asked_after = time.monotonic() + RETRY_S, False
        return held

    def _refusal(self, opening: Open, error: RefusedError) -> ProxyError:
        self._log("credential_refused", credential=opening.credential, code=error.refusal.code)
        for code, ours in REFUSALS.items():
            if error.refusal.code == code.value:
                return ProxyError(ours)
        return ProxyError("open_quota" if error.refusal.code == OpenRefusal.QUOTA else "vault_unavailable")

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
                self._keys.wipe(credential)
                self._on_revoked(credential)
        except NotConnectedError:
            held = None  # the next connection asks again
        if held is not None:
            self._keys.drop(held)
