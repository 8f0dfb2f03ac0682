"""One message that cannot be read, or a handler's fault, costs its own request and no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from pathlib import Path

import msgspec
import pytest

from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.opening import Opened, Renew, Renewed
from sealgate.messages.server import Peer, Reply, Server
from tests.messages.test_channel import OPEN, OURS, connected

DEEP = msgspec.Raw(b"\x91" * 100_000 + b"\xc0")


class Unknown(Message, frozen=True, tag="unknown"):
    """A reply that no client of this socket knows."""


class Deep(Message, frozen=True, tag="renewed"):
    """A reply that is nested beyond all measure."""

    lease_s: msgspec.Raw = DEEP


class WrongType(Message, frozen=True, tag="renewed"):
    """A reply with a field of another type."""

    lease_s: str = "long"


class DeepQuestion(Message, frozen=True, tag="renew"):
    """A request that is nested beyond all measure."""

    credential: msgspec.Raw = DEEP
    version: int = 1


REPLIES = {"unknown": Unknown(), "deep": Deep(), "a wrong type": WrongType()}


class Desk:
    """Answers `Renew` as it is told, and an `Open` only once it may."""

    def __init__(self, folder: Path) -> None:
        self.reply: Message | Exception = Renewed(lease_s=1.0)
        self.later = False
        self.may = asyncio.Event()
        self.server = Server(folder / "d.sock", OURS, type(OPEN) | Renew, self._answer, (os.getuid(),))

    def _answer(self, peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
        if isinstance(message, Renew):
            return self._fail_later() if self.later else self._renew()
        return self._open()

    def _renew(self) -> Reply:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    async def _fail_later(self) -> Reply:
        return self._renew()

    async def _open(self) -> Reply:
        await self.may.wait()
        return Opened(credential="cred_1", version=1, lease_s=1.0, pseudonym_key=b"p" * 32)


async def ask_beside_another(desk: Desk, question: Message) -> RefusedError:
    """What a question ends with, while another waits on the same connection and gets its answer."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await desk.server.start()
    try:
        async with connected(desk.server.path) as (client, _notices):
            other = asyncio.ensure_future(client.ask(OPEN))
            with pytest.raises(RefusedError) as refused:
                await client.ask(question)
            assert client.connected
            desk.may.set()
            assert isinstance(await other, Opened)
    finally:
        await desk.server.close()
    return refused.value


@pytest.mark.parametrize("kind", REPLIES)
async def test_a_reply_that_cannot_be_read_fails_its_own_request_alone(tmp_path: Path, kind: str) -> None:
    desk = Desk(tmp_path)
    desk.reply = REPLIES[kind]
    refused = await ask_beside_another(desk, Renew(credential="c", version=1))
    assert refused.refusal.code == "unreadable"


@pytest.mark.parametrize("question", [DeepQuestion(), Unknown()], ids=["deep", "unknown"])
async def test_a_request_that_cannot_be_read_is_refused_alone(tmp_path: Path, question: Message) -> None:
    refused = await ask_beside_another(Desk(tmp_path), question)
    assert refused.refusal.code == "unreadable"


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
async def test_a_handlers_fault_refuses_its_own_request_alone(tmp_path: Path, later: bool) -> None:
    desk = Desk(tmp_path)
    desk.reply, desk.later = RuntimeError("canary"), later
    refused = await ask_beside_another(desk, Renew(credential="c", version=1))
    assert refused.refusal.code == "failed"
    assert "canary" not in str(refused)
