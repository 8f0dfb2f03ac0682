"""Where a key never goes: every network of the table, and names that lead there."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_network

import pytest

from sealgate.proxy.connecting import WayOut
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.networks import NEVER, REFUSED, parse_networks, refusal_of

PUBLIC = ("1.1.1.1", "8.8.8.8", "104.18.6.192", "172.15.255.255", "172.32.0.1", "100.128.0.1", "192.0.1.1",
          "223.255.255.255", "2606:4700::6812:7c0", "2a00:1450:4001:82a::200a", "2001:4860:4860::8888",
          "2620:4f:7fff::1", "64:ff9a::1")  # fmt: skip
WRAPPED = {
    "::ffff:10.0.0.1": "IPv4-mapped",
    "64:ff9b::a00:1": "NAT64",
    "64:ff9b::808:808": "NAT64",
    "2002:0a00:0001::1": "6to4",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "protocol assignments, Teredo and ORCHID among them",
    "169.254.169.254": "link-local, where clouds tell machines their secrets",
    "fd00:ec2::254": "unique local",
    "255.255.255.255": "reserved, and broadcast",
    "fe80::1%eth0": "link-local",
}


@pytest.mark.parametrize("network", REFUSED)
def test_the_first_and_the_last_address_of_each_network_are_refused(network: str) -> None:
    parsed = ip_network(network)
    for address in (parsed[0], parsed[-1]):
        assert refusal_of(str(address), ())


@pytest.mark.parametrize("address", WRAPPED)
def test_an_address_within_another_is_refused_for_what_it_is(address: str) -> None:
    assert refusal_of(address, ()) == WRAPPED[address]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    assert refusal_of(address, ()) is None


def test_a_network_of_the_house_passes_and_its_neighbours_do_not() -> None:
    house = parse_networks(["10.20.0.0/16", "fd12:3456::/32"])
    assert refusal_of("10.20.255.1", house) is None
    assert refusal_of("fd12:3456::8", house) is None
    assert refusal_of("10.21.0.1", house)
    assert refusal_of("fd13::1", house)


@pytest.mark.parametrize("network", [str(each) for each in NEVER])
def test_what_is_no_server_of_the_house_cannot_be_allowed(network: str) -> None:
    with pytest.raises(ValueError, match="hint:"):
        parse_networks([network])


def answers(*rounds: tuple[str, ...]) -> list[list[str]]:
    return [list(each) for each in rounds]


class Resolver:
    """Says what it is told to, one answer for each question."""

    def __init__(self, *rounds: tuple[str, ...]) -> None:
        self.rounds = answers(*rounds)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.rounds.pop(0)


def way_out(resolver: Resolver, *networks: str) -> WayOut:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return WayOut(context, networks=parse_networks(networks), resolve=resolver)


async def refusal(way: WayOut, origin: str = "https://models.example:1") -> str:
    with pytest.raises(ProxyError) as caught:
        await way.connect(way.origin(origin), asyncio.Protocol, 0.3)
    return caught.value.code


async def test_one_address_that_is_refused_refuses_the_name_whatever_else_it_has() -> None:
    assert await refusal(way_out(Resolver(("1.1.1.1", "10.0.0.1")))) == "provider_address_refused"


async def test_a_name_that_turns_is_checked_at_every_connection() -> None:
    resolver = Resolver(("127.0.0.1",), ("169.254.169.254",), ("::1",))
    way = way_out(resolver)
    for _ in range(3):
        assert await refusal(way) == "provider_address_refused"
    assert resolver.asked == 3


async def test_an_address_in_the_place_of_a_name_is_checked_too() -> None:
    way = WayOut(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    for address in ("10.0.0.1", "169.254.169.254", "2130706433", "127.1"):
        assert await refusal(way, f"https://{address}:1") == "provider_address_refused"


async def test_a_name_without_an_address_is_out_of_reach() -> None:
    assert await refusal(way_out(Resolver(()))) == "provider_unreachable"


async def test_the_connection_goes_to_the_address_that_was_checked_and_to_no_other_answer() -> None:
    """The second answer, which DNS would give to whoever asked again, is never asked for."""
    resolver = Resolver(("127.0.0.1",), ("169.254.169.254",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    way = WayOut(context, networks=(ip_network("127.0.0.0/8"),), resolve=resolver)
    assert await refusal(way) == "provider_unreachable"
    assert resolver.asked == 1
