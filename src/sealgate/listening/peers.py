"""Which peers may speak for others: the TLS-terminating proxies that the configuration names.

Counterpart: `arrival`. An address that a stranger claims is never believed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WIDEST_PREFIX = {4: 8, 6: 16}
"""Wider networks name everybody, not a proxy."""


class PeersError(ValueError):
    """Something in the list is no address or network of proxies; the message carries a hint."""


class TrustedPeers:
    """Addresses and networks of proxies."""

    def __init__(self, listed: Sequence[str]) -> None:
        self._networks = tuple(_network(each) for each in listed)

    def __contains__(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(
            found.version == network.version and found in network for network in self._networks
        )

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The client's address: from `X-Forwarded-For` lines, as far as trusted peers vouch for it.

        Read from the right: each entry was written by the proxy after it, so the first that is no proxy of
        ours is the client. Whatever stands further left is the client's own claim.
        """
        client = peer
        for entry in reversed([part.strip() for line in forwarded for part in line.split(",")]):
            if client not in self:
                break
            found = _address(entry.removeprefix("[").removesuffix("]"))
            if found is None:
                break
            client = str(found)
        return client


def is_loopback(address: str) -> bool:
    """True for an address (not a name) of this machine alone."""
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        msg = f"{text!r} is no address or network. hint: write one such as 127.0.0.1 or 10.1.2.0/24"
        raise PeersError(msg) from error
    if network.prefixlen < WIDEST_PREFIX[network.version]:
        msg = f"{text!r} would trust almost everybody. hint: name the proxies' own addresses"
        raise PeersError(msg)
    return network
