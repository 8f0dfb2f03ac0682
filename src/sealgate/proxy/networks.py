"""Where a provider can never be: one literal table of networks, and the check of every address against it.

Counterpart: `connecting.py`, which resolves a name once for each connection, checks all that came, and
connects to what was checked. Ours, since `ipaddress.is_global` lets pass what wraps another address (NAT64,
6to4) and multicast. An operator can allow networks of the house (`egress.networks`) for servers of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries (RFC 6890), and what carries an IPv4 address within an IPv6 one.
REFUSED: Final[Mapping[str, str]] = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers",
    "127.0.0.0/8": "this machine",
    "169.254.0.0/16": "link-local, where clouds tell machines their secrets",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved, and broadcast",
    "::/128": "unspecified",
    "::1/128": "this machine",
    "::/96": "IPv4-compatible",
    "::ffff:0:0/96": "IPv4-mapped",
    "::ffff:0:0:0/96": "IPv4-translated",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "100::/64": "discard",
    "100:0:0:1::/64": "dummy",
    "2001::/23": "protocol assignments, Teredo and ORCHID among them",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_NETWORKS: Final = tuple((ip_network(each), why) for each, why in REFUSED.items())
NEVER: Final = tuple(
    ip_network(each)
    for each in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/128", "::1/128",
                 "fe80::/10", "ff00::/8")
)  # fmt: skip
"""What no operator can allow: names of this machine have a rule of their own; link-local is no server."""


def parse_networks(networks: Iterable[str]) -> tuple[Network, ...]:
    """Networks that an operator allows; raises `ValueError` with a hint."""
    return tuple(map(_parse, networks))


def refusal_of(address: str, allowed: tuple[Network, ...]) -> str | None:
    """Why a key does not go to this address; None where it may. Raises `ValueError` for what is none."""
    parsed = ip_address(address.partition("%")[0])
    if any(_within(parsed, each) for each in allowed):
        return None
    return next((why for network, why in _NETWORKS if _within(parsed, network)), None)


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def _parse(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"egress.networks: {text!r} is no network. hint: write it like '10.20.0.0/16' or 'fd12::/48'"
        ) from error
    for never in NEVER:
        if never.version == network.version and network.overlaps(never):
            raise ValueError(
                f"egress.networks: {text!r} has {never} in it, where no provider can be. hint: allow the "
                "network of your own servers alone"
            )
    return network
