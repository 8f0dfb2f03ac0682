"""Waymarks: what proxies remember of the vault and show it again: its files cannot all be put back unseen.

Counterpart: the proxy's `waymark`. A waymark is the number and tag of a change under a MAC that only this
vault can make, so a proxy that lies is no more than refused. One that is later than the vault itself, or of
another history, proves that vault.db and anchor are old copies both: the vault says so, opens nothing and
takes nothing in until the restore ceremony. It notes that beside its files, and does not start again.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from sealgate.log import Log
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase
from sealgate.messages.frames import Message, Refusal, RefusedError
from sealgate.messages.opening import OpenRefusal, ShowWaymark, Waymark
from sealgate.messages.server import Handler, Peer, Reply
from sealgate.messages.tickets import AskPseudonym, ListCredentials, ListDestinations, Revoke
from sealgate.vault.anchor import write_durably
from sealgate.vault.faults import StartError
from sealgate.vault.kek import bind
from sealgate.vault.witness import Witness

SEEN_NAME = "seen"
"""The file that keeps what a proxy showed, where that is later than the vault."""
TELL_EVERY_S = 1.0
HARMLESS = (Revoke, Erase, AskReceipt, AskReceipts, ListCredentials, ListDestinations, AskPseudonym)
"""What the console may ask of a vault that is an old copy: to look, and to end things."""
_PEER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Waymarks:
    """Gives waymarks to proxies, and believes those that are its own."""

    def __init__(self, instance: str, folder: Path, key: bytes, witness: Witness, log: Log) -> None:
        self._instance = instance
        self._folder = folder
        self._key = key
        self._witness = witness
        self._log = log
        self._told: tuple[int, tuple[str, ...]] = (-1, ())

    def check_start(self) -> None:
        """Refuse to start while a proxy is known to know better; raises `StartError`."""
        seen = read_seen(self._folder, self._instance, self._key)
        if seen is not None and not self._witness.is_past(seen.number, seen.tag):
            self._log("alarm_rollback", witnessed=seen.number, found=self._witness.tip()[0])
            raise StartError(
                "rolled_back",
                f"vault.db and its anchor are old copies: a proxy has seen change {seen.number}",
                "put back the newest vault.db and anchor; if they are lost, sealgate vault restore explains"
                " what is",
            )
        (self._folder / SEEN_NAME).unlink(missing_ok=True)

    def current(self) -> Waymark:
        """For proxies to keep."""
        number, tag = self._witness.tip()
        return Waymark(number=number, tag=tag, mac=_mac(self._key, self._instance, number, tag))

    def guarding_opens(self, handler: Handler) -> Handler:
        """The opener's handler: waymarks are looked at here, and an old copy opens nothing."""

        def handle(peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
            if type(message) is ShowWaymark:
                return self._shown(peer, message)
            if self._witness.is_halted:
                raise _rolled_back()
            return handler(peer, message)

        return handle

    def guarding_changes(self, handler: Handler) -> Handler:
        """The desk's handler: an old copy takes nothing in and brings nothing back."""

        def handle(peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
            if self._witness.is_halted and not isinstance(message, HARMLESS):
                self._log(
                    "desk_refused", code=OpenRefusal.ROLLED_BACK.value, operation=type(message).__name__
                )
                raise _rolled_back()
            return handler(peer, message)

        return handle

    async def run(self, notify: Callable[[Message], int], peers: Callable[[], tuple[str, ...]]) -> None:
        """Tell proxies how far the vault is, soon after each change, until cancelled."""
        while True:
            self.tell(notify, peers())
            await asyncio.sleep(TELL_EVERY_S)

    def tell(self, notify: Callable[[Message], int], peers: tuple[str, ...]) -> None:
        """Tell proxies, unless all of them know already."""
        now = (self._witness.tip()[0], peers)
        if now != self._told and not self._witness.is_halted:
            notify(self.current())
            self._told = now

    def _shown(self, peer: Peer, shown: ShowWaymark) -> Waymark:
        if not _is_ours(self._key, self._instance, shown):
            proxy = peer.name if _PEER_NAME.fullmatch(peer.name) else "unnamed"
            self._log("waymark_refused", proxy=proxy, uid=peer.uid)
            raise RefusedError(
                Refusal(
                    code=OpenRefusal.WAYMARK_FOREIGN.value,
                    message="this waymark is not of this vault",
                    hint="connect this proxy to its own vault",
                )
            )
        if not self._witness.is_past(shown.number, shown.tag):
            self._halt(shown)
            raise _rolled_back()
        return self.current()

    def _halt(self, shown: ShowWaymark) -> None:
        if self._witness.is_halted:
            return
        self._witness.is_halted = True
        self._log("alarm_rollback", witnessed=shown.number, found=self._witness.tip()[0])
        path = self._folder / SEEN_NAME
        try:
            path.unlink(missing_ok=True)
            write_durably(path, msgspec.json.encode(shown))
        except OSError as error:  # the proxy shows it again
            self._log("database_failed", error=type(error).__name__, operation="note-waymark")


def read_seen(folder: Path, instance: str, key: bytes) -> ShowWaymark | None:
    """What a proxy showed an earlier run, if this vault wrote it."""
    try:
        seen = msgspec.json.decode((folder / SEEN_NAME).read_bytes(), type=ShowWaymark)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return seen if _is_ours(key, instance, seen) else None


def _is_ours(key: bytes, instance: str, shown: ShowWaymark) -> bool:
    return hmac.compare_digest(shown.mac, _mac(key, instance, shown.number, shown.tag))


def _mac(key: bytes, instance: str, number: int, tag: str) -> bytes:
    return hmac.digest(key, bind("sealgate waymark v1", instance, str(number), tag), "sha256")


def _rolled_back() -> RefusedError:
    return RefusedError(
        Refusal(
            code=OpenRefusal.ROLLED_BACK.value,
            message="the vault's files are an old copy: a proxy has seen later changes",
            hint="stop the vault; sealgate vault restore explains what is lost, and what to do",
        )
    )
