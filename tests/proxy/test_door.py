"""Who may come in the clear: everybody on this machine, and named proxies; strangers are cut unread."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.proxy.config import ProxyConfig
from sealgate.proxy.door import WatchedConnection, door
from sealgate.proxy.server import ClientConnection
from tests.proxy.world import World


class Wire(asyncio.Transport):
    """A transport from a peer at some address."""

    def __init__(self, peer: str, here: str) -> None:
        super().__init__({"peername": (peer, 5555), "sockname": (here, 8702)})
        self.cut = False

    def abort(self) -> None:
        self.cut = True


def config(tmp_path: Path, host: str) -> ProxyConfig:
    return ProxyConfig(
        instance=new_id("inst"),
        data_dir=tmp_path,
        runtime_dir=tmp_path,
        host=host,
        trusted_proxies=("10.1.0.0/16",),
    )


@pytest.mark.parametrize(
    ("peer", "cut"),
    [
        ("203.0.113.9", True),
        ("10.2.0.1", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("192.0.2.1", False),
        ("::ffff:10.1.2.3", False),
        ("2001:db8::1", True),
    ],
    ids=["stranger", "neighbour", "proxy", "loopback", "itself", "mapped", "ipv6"],
)
async def test_a_stranger_in_the_clear_is_cut(world: World, tmp_path: Path, peer: str, cut: bool) -> None:
    make = door(world.running.listener, config(tmp_path, "0.0.0.0"), encrypted=False)
    wire = Wire(peer, "192.0.2.1")
    connection = make()
    connection.connection_made(wire)
    assert wire.cut is cut
    connection.connection_lost(None)


@pytest.mark.parametrize(("host", "encrypted"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True)])
async def test_over_tls_and_on_loopback_everybody_may_come(
    world: World, tmp_path: Path, host: str, encrypted: bool
) -> None:
    connection = door(world.running.listener, config(tmp_path, host), encrypted=encrypted)()
    assert isinstance(connection, ClientConnection)
    assert not isinstance(connection, WatchedConnection)
