"""The two sockets of a proxy: for clients, its own or one that workers share; for operators, port or path.

Counterparts: `process.py`, which has them opened; `up/workers.py` and `up/handed_over.py`, which hand over a
socket that listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from sealgate.listening.certificates import ServerTls
from sealgate.proxy.admin import Admin
from sealgate.proxy.config import ProxyConfig

BACKLOG = 1024
SHUTDOWN_S = 5.0


async def listen(
    config: ProxyConfig, protocol: Callable[[], asyncio.Protocol], tls: ServerTls | None
) -> asyncio.Server:
    """Take clients; raises `OSError` where the port is taken."""
    loop, context = asyncio.get_running_loop(), tls.context if tls else None
    # A handshake is no connection of ours yet, and so has no other clock.
    begin_s, end_s = (config.head_s, SHUTDOWN_S) if tls else (None, None)
    open_fd = config.handed_over_fd if config.listener_fd is None else config.listener_fd
    if open_fd is not None:
        return await loop.create_server(
            protocol,
            sock=socket.socket(fileno=open_fd),
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=begin_s,
            ssl_shutdown_timeout=end_s,
        )
    return await loop.create_server(
        protocol,
        config.host,
        config.port,
        backlog=BACKLOG,
        ssl=context,
        ssl_handshake_timeout=begin_s,
        ssl_shutdown_timeout=end_s,
    )


async def listen_for_operators(config: ProxyConfig, admin: Admin) -> asyncio.Server:
    """Show the pages for operators."""
    loop = asyncio.get_running_loop()
    if config.admin_socket is not None:
        with contextlib.suppress(FileNotFoundError):
            config.admin_socket.unlink()  # of a worker of this name that was killed
        return await loop.create_unix_server(admin.connection, str(config.admin_socket))
    return await loop.create_server(admin.connection, config.admin_host, config.admin_port)


def port_of(server: asyncio.Server) -> int:
    """Where it listens; 0 for a path."""
    name = server.sockets[0].getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0
