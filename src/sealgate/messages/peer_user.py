"""Which system user sits at the other end of a Unix socket: the kernel says, not the peer (unix(7)).

Counterparts: `server` and `client`, which both ask before a byte is believed.
"""

from __future__ import annotations

import socket
import struct

_PEER_CREDENTIALS = struct.Struct("3i")


def peer_uid(sock: socket.socket) -> int:
    """The user that connected, or that listens."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _pid, uid, _gid = _PEER_CREDENTIALS.unpack(raw)
    return int(uid)
