"""The demo's ports: a taken one is named with the option that moves it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sealgate.demo.house import last_ports, open_house
from sealgate.demo.ports import Ports, PortTakenError, settle

NOWHERE = Ports(**dict.fromkeys(msgspec.structs.asdict(Ports()), 0))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("name", msgspec.structs.asdict(Ports()))
def test_a_taken_port_is_named_with_its_option(taken: int, name: str) -> None:
    with pytest.raises(PortTakenError, match=f"port {taken} .*--{name.replace('_', '-')}-port"):
        settle(msgspec.structs.replace(NOWHERE, **{name: taken}))


def test_zeros_become_free_ports_that_differ() -> None:
    settled = msgspec.structs.asdict(settle(NOWHERE))
    assert len(set(settled.values())) == len(settled)
    assert 0 not in settled.values()


def test_zeros_become_the_ports_of_the_last_start_where_they_are_free(taken: int) -> None:
    last = settle(NOWHERE)
    assert settle(NOWHERE, last) == last
    again = settle(NOWHERE, msgspec.structs.replace(last, simulator=taken))
    assert again == msgspec.structs.replace(last, simulator=again.simulator)
    assert again.simulator != taken


def test_the_ports_of_the_last_start_are_kept_in_its_folder(tmp_path: Path) -> None:
    ports = settle(NOWHERE)
    assert last_ports(tmp_path) is None
    open_house(tmp_path, ports)
    assert last_ports(tmp_path) == ports
