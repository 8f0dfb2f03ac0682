"""What the proxy remembers of the vault: shown first on each connection, never given up for an older one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sealgate.log import LineLog
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal, RefusedError
from sealgate.messages.opening import OpeningReply, OpeningRequest, OpenRefusal, Renew, ShowWaymark, Waymark
from sealgate.messages.server import Peer, Server
from sealgate.proxy.events import EVENTS
from sealgate.proxy.waymark import WaymarkKeeper

HELLO = Hello(protocol=PROTOCOL, instance="inst_" + "a" * 20, process="prx_" + "b" * 20)


def waymark(number: int) -> Waymark:
    return Waymark(number=number, tag=f"t{number}", mac=b"m")


class Vault:
    """Answers with what it is given, and keeps what it was asked, in order."""

    def __init__(self, path: Path, answer: Message | Refusal) -> None:
        self.asked: list[Message] = []
        self.answer = answer
        self.server = Server(path, HELLO, OpeningRequest, self._handle, (Path("/proc/self").stat().st_uid,))

    def _handle(self, _peer: Peer, message: Message) -> Message:
        self.asked.append(message)
        if isinstance(self.answer, Refusal):
            raise RefusedError(self.answer)
        return self.answer


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def keeper(folder: Path, log: io.StringIO) -> WaymarkKeeper:
    return WaymarkKeeper(folder / "vault.waymark", LineLog("proxy", EVENTS, log))


@asynccontextmanager
async def writing(kept: WaymarkKeeper) -> AsyncIterator[None]:
    task = asyncio.create_task(kept.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def on_disk(folder: Path, number: int) -> None:
    async with asyncio.timeout(10):
        while not (kept := keeper(folder, io.StringIO()))._held or kept._held.number != number:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(vault: Vault, kept: WaymarkKeeper) -> AsyncIterator[Client]:
    there = asyncio.Event()
    client: Client

    def show() -> None:
        kept.show(client)
        there.set()

    client = Client(vault.server.path, HELLO, OpeningReply, on_connected=show, on_notice=kept.noticed)
    await vault.server.start()
    task = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(there.wait(), 10)
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await vault.server.close()


async def test_what_the_vault_tells_is_kept_on_disk_and_an_older_one_is_not(
    tmp_path: Path, log: io.StringIO
) -> None:
    kept = keeper(tmp_path, log)
    async with writing(kept):
        kept.noticed(waymark(7))
        await on_disk(tmp_path, 7)
        kept.noticed(waymark(6))
        kept.noticed(waymark(9))
        await on_disk(tmp_path, 9)
    assert keeper(tmp_path, log)._held == waymark(9)


async def test_it_is_shown_before_anything_is_asked_and_the_answer_is_kept(
    tmp_path: Path, log: io.StringIO
) -> None:
    kept = keeper(tmp_path, log)
    kept.noticed(waymark(7))
    vault = Vault(tmp_path / "v.sock", waymark(8))
    async with writing(kept), connected(vault, kept) as client:
        await client.ask(Renew(credential="cred_" + "c" * 20, version=1))
        await on_disk(tmp_path, 8)
    assert vault.asked[0] == ShowWaymark(number=7, tag="t7", mac=b"m")


async def test_a_proxy_that_remembers_nothing_shows_nothing(tmp_path: Path, log: io.StringIO) -> None:
    kept = keeper(tmp_path, log)
    vault = Vault(tmp_path / "v.sock", waymark(8))
    async with connected(vault, kept) as client:
        await client.ask(Renew(credential="cred_" + "c" * 20, version=1))
    assert [type(each) for each in vault.asked] == [Renew]


@pytest.mark.parametrize(
    ("code", "holds"), [(OpenRefusal.ROLLED_BACK, True), (OpenRefusal.WAYMARK_FOREIGN, False)]
)
async def test_a_vault_that_is_an_old_copy_is_shown_it_again_and_another_vault_is_not(
    tmp_path: Path, log: io.StringIO, code: OpenRefusal, holds: bool
) -> None:
    kept = keeper(tmp_path, log)
    kept.noticed(waymark(7))
    vault = Vault(tmp_path / "v.sock", Refusal(code=code.value, message="no"))
    async with connected(vault, kept):
        async with asyncio.timeout(10):
            while "waymark_refused" not in log.getvalue():
                await asyncio.sleep(0.01)
    assert f"code={code.value}" in log.getvalue()
    assert (kept._held is not None) is holds


async def test_a_vault_that_leaves_before_it_answers_is_shown_it_again(
    tmp_path: Path, log: io.StringIO
) -> None:
    kept = keeper(tmp_path, log)
    kept.noticed(waymark(7))
    lost: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    lost.set_exception(NotConnectedError("gone"))
    await kept._heard(lost)
    assert kept._held == waymark(7)


async def test_a_disk_that_cannot_be_written_is_told_and_serving_goes_on(
    tmp_path: Path, log: io.StringIO
) -> None:
    (tmp_path / "vault.waymark.new").mkdir()
    kept = keeper(tmp_path, log)
    async with writing(kept):
        kept.noticed(waymark(7))
        async with asyncio.timeout(10):
            while "waymark_not_saved" not in log.getvalue():
                await asyncio.sleep(0.01)
        (tmp_path / "vault.waymark.new").rmdir()
        kept.noticed(waymark(8))
        await on_disk(tmp_path, 8)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"{}", b'{"is":"waymark","number":"x"}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, log: io.StringIO, content: bytes) -> None:
    (tmp_path / "vault.waymark").write_bytes(content)
    assert keeper(tmp_path, log)._held is None


async def test_telling_without_a_connection_is_refused_at_once(tmp_path: Path) -> None:
    client = Client(tmp_path / "nobody.sock", HELLO, OpeningReply)
    with pytest.raises(NotConnectedError):
        client.tell(Renew(credential="cred_" + "c" * 20, version=1))
