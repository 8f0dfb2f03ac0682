"""Frames on the Unix sockets between processes: sans-io, read by `receiver`.

    u32 body length | u32 request id | u8 kind | 3 zero bytes | [512-byte secret, kind SECRET only] | body

Integers are big-endian; the body is one msgpack-encoded tagged struct. The secret stands at a fixed offset,
so that a receiver reads it straight into its slot and no other copy of a key is ever made.
"""

from __future__ import annotations

import struct
from enum import IntEnum

import msgspec

PROTOCOL = 1
"""Version that both hellos carry; a peer with another one is refused with a hint to upgrade it."""

HEADER = struct.Struct(">IIB3x")
SECRET_BYTES = 512
BODY_LIMIT_BYTES = 4 * 1024 * 1024


class FrameKind(IntEnum):
    """What a frame is."""

    REQUEST = 1
    REPLY = 2
    NOTICE = 3  # unasked, from the server; request id 0
    SECRET = 4  # a reply with a secret before its body
    REFUSAL = 5


class FrameError(Exception):
    """The peer sent bytes that are no frame; the connection must be closed."""


class Message(msgspec.Struct, frozen=True, tag_field="is", kw_only=True):
    """Base of everything that travels in a frame's body."""


class Hello(Message, frozen=True, tag="hello"):
    """First request on every connection, and the server's answer to it."""

    protocol: int
    instance: str
    process: str
    """`vault`, `console`, or the proxy's id."""


class Refusal(Message, frozen=True, tag="refusal"):
    """Why a request was not done. `code` is stable and documented; `message` and `hint` are for people."""

    code: str
    message: str
    hint: str = ""


UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for a body that is no message, or nested beyond all measure."""


class RefusedError(Exception):
    """A peer refused a request. Carries the `Refusal`, never a secret."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


class UnreadableError(RefusedError):
    """A reply came that cannot be read: this request failed, and no other."""

    def __init__(self) -> None:
        super().__init__(Refusal(code="unreadable", message="the reply cannot be read"))


_encoder = msgspec.msgpack.Encoder()


def encode(kind: FrameKind, request_id: int, message: Message) -> bytes:
    """One whole frame without a secret."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body), request_id, kind) + body


def encode_secret_parts(request_id: int, message: Message) -> tuple[bytes, bytes]:
    """Header and body of a SECRET frame; the caller writes its 512-byte slot between the two."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body), request_id, FrameKind.SECRET), body


def parse_header(header: bytes | bytearray | memoryview) -> tuple[int, int, FrameKind]:
    """(body length, request id, kind) of a 12-byte header; `FrameError` if it is none."""
    length, request_id, kind = HEADER.unpack(header)
    if length > BODY_LIMIT_BYTES:
        msg = f"frame of {length} bytes is over the limit of {BODY_LIMIT_BYTES}"
        raise FrameError(msg)
    try:
        return length, request_id, FrameKind(kind)
    except ValueError as error:
        msg = f"unknown frame kind {kind}"
        raise FrameError(msg) from error
