"""Who may come in: how many connections from one address, and in the clear from beyond this machine only the
proxies in front that the configuration names.

Counterpart: `server.py`, whose connections it lets in. Must never keep or tell an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sealgate.listening.peers import TrustedPeers, is_loopback
from sealgate.proxy.addresses import NOBODY, Addresses, Room
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.server import ClientConnection, Listener

FULL = "Too many connections from one address are open."
FULL_RETRY_S = 5


def door(listener: Listener, config: ProxyConfig, *, encrypted: bool) -> Callable[[], ClientConnection]:
    """What makes the protocol of a new connection."""
    peers = TrustedPeers(config.trusted_proxies)
    addresses = Addresses(config.connections_per_address, peers)
    if encrypted or is_loopback(config.host):
        return lambda: CountedConnection(listener, addresses)
    return lambda: WatchedConnection(listener, addresses, peers)


class CountedConnection(ClientConnection):
    """A connection that is one of so many from its address."""

    def __init__(self, listener: Listener, addresses: Addresses) -> None:
        super().__init__(listener)
        self._addresses, self._place = addresses, NOBODY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look whether there is room for it."""
        super().connection_made(transport)
        self._place, room = self._addresses.enter(transport.get_extra_info("peername")[0])
        if room is Room.NO and not self._lingering:
            self._refuse(ProxyError("too_busy", message=FULL, retry_after_s=FULL_RETRY_S))
        elif room is Room.CUT:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._addresses.leave(self._place)
        self._place = NOBODY
        super().connection_lost(exc)


class WatchedConnection(CountedConnection):
    """A connection in the clear; a stranger's is cut before a byte of it is read."""

    def __init__(self, listener: Listener, addresses: Addresses, peers: TrustedPeers) -> None:
        super().__init__(listener, addresses)
        self._peers = peers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look who it is."""
        peer = transport.get_extra_info("peername")[0]
        here = transport.get_extra_info("sockname")[0]
        if peer == here or is_loopback(peer) or peer in self._peers:
            super().connection_made(transport)
        else:
            ClientConnection.connection_made(self, transport)
            self.cut()
