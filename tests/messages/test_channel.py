"""The Unix-socket client and server, over a real socket, with a real secret."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import (
    HEADER,
    PROTOCOL,
    FrameKind,
    Hello,
    Message,
    Refusal,
    RefusedError,
    encode,
)
from sealgate.messages.opening import CredentialChanged, CredentialEvent, Open, Opened, OpeningReply, Renew
from sealgate.messages.server import Peer, Reply, SecretReply, Server, SocketPathError
from sealgate.messages.slot import Slot, SlotArena

OURS = Hello(protocol=PROTOCOL, instance="inst_a", process="vault")
THEIRS = Hello(protocol=PROTOCOL, instance="inst_a", process="prx_1")
OPEN = Open(
    organization="org_1", application="app_1", credential="cred_1", provider="openai", origin="https://x"
)


class SmallVault:
    """A real server that hands out one random key and counts what it saw."""

    def __init__(self, folder: Path, uids: tuple[int, ...] = (os.getuid(),)) -> None:
        self.key = secrets.token_hex(24).encode()
        self.arena = SlotArena()
        self.sent: list[Slot] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.server = Server(folder / "o.sock", OURS, Open | Renew, self._answer, uids)

    def _answer(self, peer: Peer, message: Message) -> Reply:
        if isinstance(message, Renew):
            raise RefusedError(Refusal(code="credential_revoked", message="gone"))
        slot = self.arena.take()
        slot.buffer()[: 2 + len(self.key)] = len(self.key).to_bytes(2, "big") + self.key
        self.sent.append(slot)
        opened = Opened(credential="cred_1", version=1, lease_s=300, pseudonym_key=b"p" * 32)
        return SecretReply(opened, slot)


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[SmallVault]:
    small = SmallVault(tmp_path)
    await small.server.start()
    yield small
    await small.server.close()


@contextlib.asynccontextmanager
async def connected(path: Path, hello: Hello = THEIRS) -> AsyncIterator[tuple[Client, list[Message]]]:
    notices: list[Message] = []
    up = asyncio.Event()
    client = Client(
        path, hello, OpeningReply | CredentialChanged, on_notice=notices.append, on_connected=up.set
    )
    task = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(up.wait(), 5)
        yield client, notices
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_key_arrives_in_the_slot_and_the_senders_slot_is_wiped(vault: SmallVault) -> None:
    arena = SlotArena()
    async with connected(vault.server.path) as (client, _):
        slot = arena.take()
        reply = await client.ask(OPEN, slot=slot)
        assert isinstance(reply, Opened)
        assert bytes(slot.key()) == vault.key
        assert all(sent.wiped for sent in vault.sent)


async def test_a_hundred_opens_at_once_each_fill_their_own_slot(vault: SmallVault) -> None:
    arena = SlotArena()
    async with connected(vault.server.path) as (client, _):
        slots = [arena.take() for _ in range(100)]
        await asyncio.gather(*(client.ask(OPEN, slot=slot) for slot in slots))
        assert all(bytes(slot.key()) == vault.key for slot in slots)


async def test_a_secret_that_nobody_made_room_for_ends_the_connection(vault: SmallVault) -> None:
    async with connected(vault.server.path) as (client, _):
        with pytest.raises(NotConnectedError):
            await client.ask(OPEN)


async def test_a_refusal_reaches_the_asker_with_its_code(vault: SmallVault) -> None:
    async with connected(vault.server.path) as (client, _):
        with pytest.raises(RefusedError, match="credential_revoked"):
            await client.ask(Renew(credential="cred_1", version=1))


async def test_a_notice_reaches_every_greeted_peer(vault: SmallVault) -> None:
    notice = CredentialChanged(credential="cred_1", application="app_1", event=CredentialEvent.REVOKED)
    async with connected(vault.server.path) as (one, first), connected(vault.server.path) as (two, second):
        assert vault.server.notify(notice) == 2
        await one.ask(OPEN, slot=SlotArena().take())  # replies come after notices on the same socket
        await two.ask(OPEN, slot=SlotArena().take())
        assert first == second == [notice]


async def test_a_notice_to_one_reaches_exactly_one_greeted_peer(vault: SmallVault) -> None:
    notice = CredentialChanged(credential="cred_1", application="app_1", event=CredentialEvent.REVOKED)
    assert not vault.server.notify_one(notice)
    async with connected(vault.server.path) as (one, first), connected(vault.server.path) as (two, second):
        assert vault.server.notify_one(notice)
        await one.ask(OPEN, slot=SlotArena().take())  # replies come after notices on the same socket
        await two.ask(OPEN, slot=SlotArena().take())
        assert first + second == [notice]


async def test_the_client_comes_back_by_itself_when_the_server_returns(tmp_path: Path) -> None:
    small = SmallVault(tmp_path)
    await small.server.start()
    async with connected(small.server.path) as (client, _):
        await small.server.close()
        with pytest.raises(NotConnectedError):
            await client.ask(OPEN, slot=SlotArena().take())
        again = SmallVault(tmp_path)
        await again.server.start()
        async with asyncio.timeout(5):
            while not client.connected:
                await asyncio.sleep(0.01)
        await client.ask(OPEN, slot=SlotArena().take())
        await again.server.close()


async def test_who_asks_before_the_first_connection_waits_for_it(tmp_path: Path) -> None:
    small = SmallVault(tmp_path)
    client = Client(small.server.path, THEIRS, OpeningReply | CredentialChanged, patience_s=30)
    running = asyncio.create_task(client.run())
    slot = SlotArena().take()
    asked = asyncio.create_task(client.ask(OPEN, slot=slot))
    await asyncio.sleep(0)
    await small.server.start()
    assert isinstance(await asyncio.wait_for(asked, 10), Opened)
    assert bytes(slot.key()) == small.key
    await small.server.close()
    with pytest.raises(NotConnectedError):  # it was there once: nobody waits for it any more
        await asyncio.wait_for(client.ask(OPEN, slot=SlotArena().take()), 10)
    running.cancel()


class CancelledAtTheReply(Client):
    """Is told to end in the very moment in which the other side answers."""

    running: asyncio.Task[None] | None = None

    def decode(self, body: bytes) -> Message:
        if self.running is not None:
            asyncio.get_running_loop().call_soon(self.running.cancel)
        return super().decode(body)


async def test_a_client_that_is_ended_while_the_hello_is_answered_ends(vault: SmallVault) -> None:
    client = CancelledAtTheReply(vault.server.path, THEIRS, OpeningReply | CredentialChanged)
    client.running = asyncio.create_task(client.run())
    done, _ = await asyncio.wait({client.running}, timeout=10)
    assert done
    assert client.running.cancelled()


async def test_who_ends_a_client_is_not_told_of_a_loss_and_who_loses_it_is(vault: SmallVault) -> None:
    for lose in (True, False):
        up, lost = asyncio.Event(), asyncio.Event()
        client = Client(
            vault.server.path, THEIRS, OpeningReply, on_connected=up.set, on_disconnected=lost.set
        )
        running = asyncio.create_task(client.run())
        await asyncio.wait_for(up.wait(), 10)
        if lose:
            await vault.server.close()
            await asyncio.wait_for(lost.wait(), 10)
            await vault.server.start()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert lost.is_set() == lose


async def test_patience_with_a_start_ends(tmp_path: Path) -> None:
    client = Client(tmp_path / "o.sock", THEIRS, OpeningReply | CredentialChanged, patience_s=0.05)
    running = asyncio.create_task(client.run())
    await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(NotConnectedError):
            await asyncio.wait_for(client.ask(OPEN, slot=SlotArena().take()), 10)
    running.cancel()


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(protocol=PROTOCOL + 1, instance="inst_a", process="p"), "protocol_version"),
        (Hello(protocol=PROTOCOL, instance="inst_b", process="p"), "other_instance"),
    ],
)
async def test_a_peer_of_another_release_or_installation_is_refused(
    vault: SmallVault, hello: Hello, code: str
) -> None:
    client = Client(vault.server.path, hello, OpeningReply)
    task = asyncio.create_task(client.run())
    async with asyncio.timeout(5):
        while client.refusal is None:
            await asyncio.sleep(0.01)
    task.cancel()
    assert client.refusal.code == code
    assert vault.server.peers == ()


async def test_a_user_who_is_not_on_the_list_is_cut_before_a_byte_is_read(tmp_path: Path) -> None:
    small = SmallVault(tmp_path, uids=(os.getuid() + 1,))
    await small.server.start()
    reader, writer = await asyncio.open_unix_connection(small.server.path)
    writer.write(encode(FrameKind.REQUEST, 1, THEIRS))
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    await small.server.close()


async def _raw(path: Path, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return answer
    return b""


HELLO_FRAME = encode(FrameKind.REQUEST, 1, THEIRS)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 4,
        HEADER.pack(2**32 - 1, 1, 1),
        HEADER.pack(0, 1, 1),
        HEADER.pack(4, 1, 99) + b"\0" * 4,
        HEADER.pack(4, 1, FrameKind.SECRET) + b"\0" * 600,
        HEADER.pack(4, 1, FrameKind.REQUEST) + b"\xc1\xc1\xc1\xc1",
        HELLO_FRAME + HEADER.pack(4, 1, FrameKind.REPLY) + b"\0" * 4,
    ],
)
async def test_bytes_that_are_no_request_close_the_connection(vault: SmallVault, garbage: bytes) -> None:
    await _raw(vault.server.path, garbage)
    async with connected(vault.server.path) as (client, _):  # and the server goes on
        await client.ask(OPEN, slot=SlotArena().take())


async def test_a_request_before_the_hello_is_refused(vault: SmallVault) -> None:
    answer = await _raw(vault.server.path, encode(FrameKind.REQUEST, 1, OPEN))
    assert b"hello_expected" in answer
    assert vault.sent == []


async def test_an_answer_that_is_late_cannot_reach_a_slot_used_anew(tmp_path: Path) -> None:
    async def never(peer: Peer, message: Message) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    server = Server(tmp_path / "n.sock", OURS, Open, never, (os.getuid(),))
    await server.start()
    async with connected(server.path) as (client, _):
        with pytest.raises(NotConnectedError, match="no answer in time"):
            await client.ask(OPEN, timeout_s=0.05, slot=SlotArena().take())
        with pytest.raises(NotConnectedError):
            await client.ask(OPEN, slot=SlotArena().take())
    await server.close()


async def test_a_socket_path_that_is_too_long_is_named_with_a_hint(tmp_path: Path) -> None:
    server = Server(tmp_path / ("x" * 120), OURS, Open, lambda _p, m: m, (os.getuid(),))
    with pytest.raises(SocketPathError, match="hint: choose a shorter runtime folder"):
        await server.start()


async def test_the_socket_is_closed_to_other_users(vault: SmallVault) -> None:
    assert vault.server.path.stat().st_mode & 0o777 == 0o600
