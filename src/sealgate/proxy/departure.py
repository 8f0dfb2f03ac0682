"""Is a client that closed its sending side still there? The kernel knows, once it was sent something.

Counterpart: `server.py`, which writes a few harmless bytes and then asks here.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

GONE_CHECKS_S: Final = (0.002, 0.008, 0.02, 0.04)
"""When to look after such bytes: a client that left answers them with a reset."""
_TCP_CLOSE = 7


def has_left(transport: asyncio.Transport) -> bool:
    """True once the connection was reset, though nothing reads from it (tcp(7), `TCP_INFO`)."""
    sock: socket.socket = transport.get_extra_info("socket")
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0] == _TCP_CLOSE
