"""The provider keys that are open now: one wiped slot each, for seconds.

Counterpart: `credentials.py`, which has the vault open them and drops them. Never asks anybody; must never
hold a key anywhere but in its slot.
"""

from __future__ import annotations

import time

from sealgate.messages.client import Client
from sealgate.messages.opening import Open, Opened
from sealgate.messages.slot import Slot
from sealgate.proxy.key_watch import mark_of


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


class HeldKeys:
    """At most one key of each credential. Where the vault is away, a key serves until its lease ends."""

    def __init__(self, vault: Client) -> None:
        self._vault = vault
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def find(self, opening: Open) -> Held | None:
        """The open key of a credential, if it may be used now."""
        held = self._held.get(opening.credential)
        if held is None or (held.opening is not opening and held.opening != opening):
            return None
        now_s = time.monotonic()
        if now_s < held.fresh_until_s or (now_s < held.lease_until_s and not self._vault.connected):
            return held
        return None

    def leased(self, opening: Open) -> Held | None:
        """The open key of a credential, if it may serve while the vault does not answer."""
        held = self._held.get(opening.credential)
        return held if held is not None and held.opening == opening and held.leased else None

    def every(self) -> dict[str, Held]:
        """What is held now, by credential."""
        return dict(self._held)

    def hold(self, held: Held) -> Held:
        """Take a key in the place of the one before."""
        before = self._held.get(held.opening.credential)
        if before is not None:
            before.expire()
        self._held[held.opening.credential] = held
        return held

    def drop(self, held: Held) -> None:
        """Its time is over; what waits to send it may."""
        if self._held.get(held.opening.credential) is held:
            del self._held[held.opening.credential]
        held.expire()

    def wipe(self, credential: str) -> None:
        """Gone at once, whoever waits."""
        held = self._held.pop(credential, None)
        if held is not None:
            held.slot.wipe()
