"""Who may come in the clear from beyond this machine: the proxies in front that the configuration names.

Counterpart: `server.py`, whose connections it lets in. Over TLS, and on loopback, everybody may come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sealgate.listening.peers import TrustedPeers, is_loopback
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.server import ClientConnection, Listener


def door(listener: Listener, config: ProxyConfig, *, encrypted: bool) -> Callable[[], ClientConnection]:
    """What makes the protocol of a new connection."""
    if encrypted or is_loopback(config.host):
        return listener.connection
    peers = TrustedPeers(config.trusted_proxies)
    return lambda: WatchedConnection(listener, peers)


class WatchedConnection(ClientConnection):
    """A connection in the clear; a stranger's is cut before a byte of it is read."""

    def __init__(self, listener: Listener, peers: TrustedPeers) -> None:
        super().__init__(listener)
        self._peers = peers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look who it is."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")[0]
        here = transport.get_extra_info("sockname")[0]
        if peer != here and not is_loopback(peer) and peer not in self._peers:
            self.cut()
