"""What this proxy remembers of the vault: the newest waymark, kept on disk and shown at each connection.

Counterpart: the vault's `waymarks`, which alone can write and read one. Whoever puts back the vault's files,
all of them, does not have this one. Must never give way to an older one.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.opening import OpenRefusal, ShowWaymark, Waymark


class WaymarkKeeper:
    """Keeps one waymark. `run` writes what is new, in a thread of its own."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path, self._log = path, log
        self._held = _read(path)
        self._unsaved = asyncio.Event()
        self._shown: set[asyncio.Task[None]] = set()

    def show(self, vault: Client) -> None:
        """First of all on a connection: show what is held, before anything is asked."""
        if self._held is not None:
            held = self._held
            reply = vault.tell(ShowWaymark(number=held.number, tag=held.tag, mac=held.mac))
            task = asyncio.ensure_future(self._heard(reply))
            self._shown.add(task)
            task.add_done_callback(self._shown.discard)

    def noticed(self, notice: Message) -> None:
        """Keep what the vault says, if it is newer."""
        if isinstance(notice, Waymark) and (self._held is None or notice.number > self._held.number):
            self._held = notice
            self._unsaved.set()

    async def run(self) -> None:
        """Write what is new, until cancelled."""
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            try:
                await asyncio.to_thread(_write, self._path, self._held)
            except OSError as error:
                self._log("waymark_not_saved", errno=error.errno or 0)

    async def _heard(self, reply: asyncio.Future[Message]) -> None:
        try:
            self.noticed(await reply)
        except NotConnectedError:
            return  # the next connection shows it again
        except RefusedError as error:
            self._log("waymark_refused", code=error.refusal.code)
            if error.refusal.code == OpenRefusal.WAYMARK_FOREIGN:
                # Of a vault that is no more, or damaged on this disk: it would never be believed.
                self._held = None


def _read(path: Path) -> Waymark | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Waymark)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


def _write(path: Path, held: Waymark | None) -> None:
    if held is None:
        return
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:  # for its owner alone: the process has umask 077
        file.write(msgspec.json.encode(held))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
