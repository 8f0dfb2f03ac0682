"""A socket that whoever started us had opened already: systemd's socket units (sd_listen_fds(3)).

Counterparts: deploy/systemd/sealgate-proxy.socket; `cli`, which looks for one before a proxy listens;
`workers`, which shares it. It stays open while the proxy restarts: who connects meanwhile waits in it, and
nobody is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping

_FIRST = 3
"""Descriptors are handed over from here on."""


def handed_over(environment: MutableMapping[str, str], host: str, port: int) -> int | None:
    """Its descriptor, and the variables that told of it are gone; None where nothing was handed to us.

    Raises `ValueError` with a hint for anything but one socket that listens where the settings say: on
    another address, what the settings promise of TLS and loopback would not hold.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = environment.pop("LISTEN_FDS", "0")
    for name in ("LISTEN_PID", "LISTEN_FDNAMES"):
        environment.pop(name, None)
    if count == "0":
        return None
    if count != "1":
        raise _other(f"{count} sockets")
    os.set_inheritable(_FIRST, False)
    try:
        found = socket.socket(fileno=os.dup(_FIRST))
    except OSError:
        raise _other("no socket") from None
    with found:
        if not _listens(found):
            raise _other("a socket that does not listen for TCP")
        where = found.getsockname()[:2]
        if where not in _addresses(host, port):
            raise _other(f"a socket that listens on {where[0]}:{where[1]}, not {host}:{port},")
    return _FIRST


def _listens(found: socket.socket) -> bool:
    is_tcp = found.family in {socket.AF_INET, socket.AF_INET6} and found.type == socket.SOCK_STREAM
    return is_tcp and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _addresses(host: str, port: int) -> set[tuple[object, object]]:
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return {(where[0], where[1]) for *_, where in found}
    return set()


def _other(what: str) -> ValueError:
    return ValueError(
        f"{what} was handed over for proxy.host and proxy.port. hint: give the socket unit one ListenStream "
        "with the address of the settings, or stop it"
    )
