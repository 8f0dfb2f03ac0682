"""How many connections each address holds: in memory, by a keyed hash, and only while they are open.

Counterpart: `door.py`, which asks at each connection. An address is never kept, logged or shown; the hash has
a new key at each start. This machine and the proxies in front are not counted: behind them stand many.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from enum import Enum
from typing import Final

from sealgate.listening.peers import TrustedPeers, is_loopback

_HASH_BYTES: Final = 16
_V6_NETWORK_BYTES: Final = 8
"""One customer has a /64 at least, and could come from each of its addresses."""
NOBODY: Final = b""


class Room(Enum):
    """Whether there is room for one more."""

    YES = "yes"
    NO = "no"
    CUT = "cut"
    """So many were told no, and are still here, that another is not even answered."""


class Addresses:
    """Every `enter` is followed by one `leave` of the place that it gave."""

    def __init__(self, most: int, peers: TrustedPeers) -> None:
        self._most, self._peers = most, peers
        self._key = os.urandom(_HASH_BYTES)
        self._open: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, address: str) -> tuple[bytes, Room]:
        """A connection came; gives its place and whether there is room."""
        if not self._most or is_loopback(address) or address in self._peers:
            return NOBODY, Room.YES
        place = self._place(address)
        held = self._open[place] = self._open.get(place, 0) + 1
        if held <= self._most:
            return place, Room.YES
        return place, Room.NO if held <= 2 * self._most else Room.CUT

    def leave(self, place: bytes) -> None:
        """It is gone, and nothing of it stays."""
        if place != NOBODY:
            held = self._open[place] - 1
            if held:
                self._open[place] = held
            else:
                del self._open[place]

    def _place(self, address: str) -> bytes:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(parsed, ipaddress.IPv6Address):
            mapped = parsed.ipv4_mapped
            packed = mapped.packed if mapped else parsed.packed[:_V6_NETWORK_BYTES]
        else:
            packed = parsed.packed
        return hashlib.blake2b(packed, key=self._key, digest_size=_HASH_BYTES).digest()

    def __repr__(self) -> str:
        return f"<Addresses: {len(self._open)} hold connections>"
