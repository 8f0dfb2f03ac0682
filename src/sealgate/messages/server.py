"""The listening end of a Unix socket between processes: peer credentials, hello, requests, notices.

Counterpart: `client`. A peer whose user is not on the list is cut before a byte of it is read.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from sealgate.messages.frames import (
    PROTOCOL,
    UNREADABLE,
    FrameError,
    FrameKind,
    Hello,
    Message,
    Refusal,
    RefusedError,
    encode,
    encode_secret_parts,
)
from sealgate.messages.peer_user import peer_uid
from sealgate.messages.requests import Requests
from sealgate.messages.slot import Slot

SOCKET_PATH_LIMIT_BYTES = 107
"""`sun_path` holds 108 bytes with its terminator (unix(7))."""


_UNREADABLE: Final = Refusal(
    code="unreadable", message="the request cannot be read", hint="run the same release everywhere"
)
_FAILED: Final = Refusal(code="failed", message="the request met a fault of ours", hint="see the log")


class SocketPathError(ValueError):
    """A socket cannot be made at this path; the message carries a hint."""


class SecretReply(msgspec.Struct, frozen=True):
    """A reply with a key: the slot is sent from where it stands, and wiped as soon as it has left."""

    message: Message
    slot: Slot


Reply = Message | SecretReply
Handler = Callable[["Peer", Message], Reply | Awaitable[Reply]]


class Peer(asyncio.BufferedProtocol):
    """One connected process. `name` is what its hello said; `uid` is what the kernel says."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._requests = Requests()
        self._transport: asyncio.Transport | None = None
        self._answers: list[bytes | memoryview] = []
        self._gathers = False
        """True while the requests of one read are answered: their answers leave together."""
        self._leaving: list[Slot] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.uid = -1
        self.name = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check who it is before anything is read."""
        # A cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.uid = peer_uid(transport.get_extra_info("socket"))
        if self.uid not in self._server.allowed_uids:
            self._server.on_refused("user_unknown", self.uid)
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=0)  # so that `resume_writing` means: everything has left

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes belong."""
        return self._requests.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes arrived."""
        self._gathers = True
        try:
            for request_id, body in self._requests.advance(nbytes):
                self._take(request_id, body)
                if self._is_closed:
                    break
        except FrameError:
            self._server.on_refused("no_frame", self.uid)
            self._close()
        finally:
            self._gathers = False
            self._send()

    def resume_writing(self) -> None:
        """Everything written so far has left the process: wipe the slots that were on their way."""
        self._wipe_leaving()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._wipe_leaving()
        for task in self._tasks:
            task.cancel()
        self._server.forget(self)
        self._transport = None

    def notify(self, notice: Message) -> None:
        """Send a notice; a peer that is gone hears nothing."""
        self._write(encode(FrameKind.NOTICE, 0, notice))

    def _take(self, request_id: int, body: memoryview) -> None:
        try:
            message = self._server.decode(body)
        except UNREADABLE as error:
            if not self.name:
                raise FrameError("not a hello") from error
            self._server.on_refused(_UNREADABLE.code, self.uid)
            self._write(encode(FrameKind.REFUSAL, request_id, _UNREADABLE))
            return
        if not self.name:
            self._greet(request_id, message)
            return
        try:
            reply = self._server.handler(self, message)
        except RefusedError as error:
            self._write(encode(FrameKind.REFUSAL, request_id, error.refusal))
            return
        except Exception as error:  # noqa: BLE001 - edge: one request must not cut the others' link
            self._fail(request_id, error)
            return
        if isinstance(reply, SecretReply | Message):
            self._reply(request_id, reply)
            return
        task = asyncio.ensure_future(self._reply_later(request_id, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply_later(self, request_id: int, reply: Awaitable[Reply]) -> None:
        try:
            self._reply(request_id, await reply)
        except RefusedError as error:
            self._write(encode(FrameKind.REFUSAL, request_id, error.refusal))
        except Exception as error:  # noqa: BLE001 - edge: one request must not cut the others' link
            self._fail(request_id, error)

    def _fail(self, request_id: int, error: Exception) -> None:
        """A fault of ours: this request is refused, and the loop's handler hears of it."""
        asyncio.get_running_loop().call_exception_handler({"message": "a handler failed", "exception": error})
        self._write(encode(FrameKind.REFUSAL, request_id, _FAILED))

    def _greet(self, request_id: int, message: Message) -> None:
        refusal = _hello_fault(message, self._server.hello)
        if refusal is not None:
            self._server.on_refused(refusal.code, self.uid)
            self._write(encode(FrameKind.REFUSAL, request_id, refusal))
            self._close()
            return
        assert isinstance(message, Hello)
        self.name = message.process
        self._write(encode(FrameKind.REPLY, request_id, self._server.hello))
        self._server.remember(self)

    def _reply(self, request_id: int, reply: Reply) -> None:
        if not isinstance(reply, SecretReply):
            self._write(encode(FrameKind.REPLY, request_id, reply))
            return
        header, body = encode_secret_parts(request_id, reply.message)
        self._leaving.append(reply.slot)
        self._write(header, reply.slot.buffer(), body)

    def _write(self, *pieces: bytes | memoryview) -> None:
        self._answers += pieces
        if not self._gathers:
            self._send()

    def _send(self) -> None:
        answers, self._answers = self._answers, []
        if answers and not self._is_closed:
            assert self._transport is not None
            # One system call, and slots go out from where they stand: no loop of ours joins the pieces.
            self._transport.writelines(answers)
        if self._transport is None or self._transport.get_write_buffer_size() == 0:
            self._wipe_leaving()

    @property
    def _is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _wipe_leaving(self) -> None:
        while self._leaving:
            self._leaving.pop().wipe()

    def _close(self) -> None:
        self._send()
        if self._transport is not None:
            self._transport.close()


class Server:
    """Serves one Unix socket. `handler` answers at once or with an awaitable; `RefusedError` is a refusal."""

    def __init__(
        self, path: Path, hello: Hello, requests: object, handler: Handler, allowed_uids: Sequence[int]
    ) -> None:
        self.path = path
        self.hello = hello
        self.handler = handler
        self.allowed_uids = frozenset(allowed_uids)
        self.on_refused: Callable[[str, int], None] = lambda _code, _uid: None
        """Hears (code, uid) of whoever is cut, and of requests that cannot be read."""
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(requests | Hello)
        self._peers: set[Peer] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Listen. Raises `SocketPathError` with a hint for a path that is too long."""
        check_socket_path(self.path)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        listener = _bind(self.path, shared=bool(self.allowed_uids - {os.geteuid()}))
        self._server = await loop.create_unix_server(lambda: Peer(self), sock=listener)

    async def close(self) -> None:
        """Stop listening and cut every peer."""
        if self._server is None:
            return  # never listened: a socket at this path is somebody else's
        self._server.close()
        for peer in tuple(self._peers):
            peer._close()
        self.path.unlink(missing_ok=True)

    def notify(self, notice: Message) -> int:
        """Send a notice to every greeted peer; gives how many there are."""
        for peer in self._peers:
            peer.notify(notice)
        return len(self._peers)

    def notify_one(self, notice: Message) -> bool:
        """Send a notice to one greeted peer, whichever; False if there is none."""
        for peer in self._peers:
            peer.notify(notice)
            return True
        return False

    @property
    def peers(self) -> tuple[str, ...]:
        """Names of the connected processes."""
        return tuple(sorted(peer.name for peer in self._peers))

    def decode(self, body: memoryview) -> Message:
        """A request from its bytes; `msgspec.DecodeError` if it is none of this socket's."""
        return self._decoder.decode(body)

    def remember(self, peer: Peer) -> None:
        """A peer said hello."""
        self._peers.add(peer)

    def forget(self, peer: Peer) -> None:
        """A peer left."""
        self._peers.discard(peer)


def check_socket_path(path: Path) -> None:
    """Raise `SocketPathError` if the system cannot bind a socket at this path."""
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_LIMIT_BYTES:
        msg = (
            f"the socket path {path} has {length} bytes; the system allows {SOCKET_PATH_LIMIT_BYTES}. "
            "hint: choose a shorter runtime folder"
        )
        raise SocketPathError(msg)


def _bind(path: Path, *, shared: bool) -> socket.socket:
    """A bound socket; `shared` opens it to the folder's group, whose members are then told apart by user."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The socket must never stand open to others, not even for a moment.
    before = os.umask(0o117 if shared else 0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(before)
    return listener


def _hello_fault(message: Message, ours: Hello) -> Refusal | None:
    if not isinstance(message, Hello):
        return Refusal(code="hello_expected", message="the first message must be a hello")
    if message.protocol != PROTOCOL:
        return Refusal(
            code="protocol_version",
            message=f"{message.process} speaks protocol {message.protocol}, {ours.process} speaks {PROTOCOL}",
            hint="run the same release everywhere",
        )
    if message.instance != ours.instance:
        return Refusal(
            code="other_instance",
            message=f"{message.process} belongs to {message.instance}, {ours.process} to {ours.instance}",
            hint="two installations share a runtime folder; give each its own",
        )
    return None
