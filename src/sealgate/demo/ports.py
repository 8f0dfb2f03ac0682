"""The demo's ports: which ones, whether they are free, and which option moves each.

A port of 0 in an option means: any free one, and the one of the last start if that is free again.
"""

from __future__ import annotations

import socket

import msgspec
from msgspec import Struct


class Ports(Struct, frozen=True):
    """One TCP port on loopback for each listener; the option of `vault` is `--vault-port`, and so on."""

    console: int = 8700
    vault: int = 8701
    proxy: int = 8702
    admin: int = 8703
    newsletter: int = 8704
    simulator: int = 8705
    control: int = 8706
    vault_admin: int = 8707


class PortTakenError(RuntimeError):
    """Something else listens on one of the ports. The message names it and the option that moves it."""


def settle(ports: Ports, last: Ports | None = None) -> Ports:
    """The ports with every 0 replaced by a free one; raises `PortTakenError` for one that is taken.

    `last`: those of the start before, taken again where they can be. A key is sealed for its destination,
    port and all, so with another port a start could not use the key that is there.
    """
    held: list[socket.socket] = []
    settled: dict[str, int] = {}
    try:
        for name, port in msgspec.structs.asdict(ports).items():
            held.append(_hold(name, port or _again(name, last)))
            settled[name] = held[-1].getsockname()[1]
    finally:
        for each in held:
            each.close()
    return Ports(**settled)


def _again(name: str, last: Ports | None) -> int:
    port = 0 if last is None else int(getattr(last, name))
    if port:
        try:
            _hold(name, port).close()
        except PortTakenError:
            return 0
    return port


def _hold(name: str, port: int) -> socket.socket:
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError as error:
        probe.close()
        option = f"--{name.replace('_', '-')}-port"
        msg = (
            f"port {port} (for the {name.replace('_', ' ')}) is taken: {error.strerror}. "
            f"hint: choose another with {option} {port + 100 if port < 65_000 else 0}, "
            "or stop what listens there"
        )
        raise PortTakenError(msg) from error
    return probe
