"""Connections are counted by address while they are open; no address stays, and none is told."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path

import msgspec
import pytest

from sealgate.listening.peers import TrustedPeers
from sealgate.proxy.addresses import Addresses, Room
from sealgate.proxy.door import CountedConnection, door
from tests.listening.making import make_files
from tests.proxy.world import World

PEERS = TrustedPeers(("10.1.0.0/16",))


def rooms(addresses: Addresses, address: str, count: int) -> list[Room]:
    return [addresses.enter(address)[1] for _ in range(count)]


def test_one_address_has_room_for_so_many_and_others_have_their_own() -> None:
    addresses = Addresses(2, PEERS)
    assert rooms(addresses, "203.0.113.9", 5) == [Room.YES, Room.YES, Room.NO, Room.NO, Room.CUT]
    assert rooms(addresses, "203.0.113.10", 1) == [Room.YES]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"])
def test_this_machine_and_proxies_in_front_are_not_counted(address: str) -> None:
    addresses = Addresses(1, PEERS)
    assert set(rooms(addresses, address, 9)) == {Room.YES}
    assert len(addresses) == 0


def test_no_limit_counts_nobody() -> None:
    addresses = Addresses(0, PEERS)
    assert set(rooms(addresses, "203.0.113.9", 9)) == {Room.YES}
    assert len(addresses) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("::ffff:203.0.113.9", "::ffff:203.0.113.8", False),
    ],
)
def test_a_network_of_ipv6_counts_as_one_and_a_mapped_address_as_itself(
    one: str, other: str, same: bool
) -> None:
    addresses = Addresses(1, PEERS)
    assert addresses.enter(one)[1] is Room.YES
    assert (addresses.enter(other)[1] is Room.NO) is same


def test_nothing_of_an_address_stays_once_its_connections_are_gone() -> None:
    addresses = Addresses(5, PEERS)
    places = [addresses.enter("203.0.113.9")[0] for _ in range(3)]
    assert len(addresses) == 1
    for place in places:
        addresses.leave(place)
    assert len(addresses) == 0
    assert addresses.enter("203.0.113.9")[1] is Room.YES


def test_what_is_kept_meanwhile_is_no_address_and_differs_from_start_to_start() -> None:
    address = "203.0.113.9"
    place, _room = Addresses(5, PEERS).enter(address)
    assert Addresses(5, PEERS).enter(address)[0] != place
    assert ipaddress.ip_address(address).packed not in place
    assert address not in repr(Addresses(5, PEERS))


class Wire(asyncio.Transport):
    """A transport from a peer at some address."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 5555), "sockname": ("192.0.2.1", 8702)})
        self.written, self.ended = b"", ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "cut"


async def test_one_too_many_is_told_to_wait_and_a_flood_is_cut(world: World) -> None:
    config = msgspec.structs.replace(world.config, connections_per_address=1)
    make = door(world.running.listener, config, encrypted=True)
    wires, made = [], []
    for _ in range(3):
        wire, connection = Wire("203.0.113.9"), make()
        assert isinstance(connection, CountedConnection)
        connection.connection_made(wire)
        wires.append(wire)
        made.append(connection)
    assert wires[0].written == b""
    assert wires[1].written.startswith(b"HTTP/1.1 503 ")
    assert b"from one address" in wires[1].written
    assert (wires[2].written, wires[2].ended) == (b"", "cut")
    for connection in made:
        connection.connection_lost(None)
    again = Wire("203.0.113.9")
    make().connection_made(again)
    assert (again.written, again.ended) == (b"", "")
    assert "203.0.113" not in world.log.getvalue()


async def test_a_client_that_begins_no_handshake_is_cut(stopped: World, tmp_path: Path) -> None:
    files = make_files(tmp_path, "proxy.localhost")
    await stopped.start_proxy(tls=files, head_s=0.1)
    browser = await stopped.browser()
    async with asyncio.timeout(5):
        assert await browser.closed() == b""
