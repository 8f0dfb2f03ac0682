"""The way out through a proxy of the house: HTTP CONNECT (RFC 9110 §9.3.6), then TLS to the provider inside.

Counterpart: `upstream.py`, which verifies the provider's certificate over the socket that comes back. The
other proxy sees the provider's name and nothing else: the key travels inside TLS, as it does without it.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Final

from sealgate.proxy.egress import ForwardProxy, Origin
from sealgate.proxy.errors import ProxyError

HEAD_LIMIT_BYTES = 16_384
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r?\n")
_HEAD_END = b"\r\n\r\n"
# What other proxies say when they cannot reach the provider themselves.
_NOT_REACHED: Final = frozenset({502, 503, 504})


async def open_tunnel(proxy: ForwardProxy, origin: Origin) -> socket.socket:
    """A socket that ends at the origin, by way of the proxy; raises `ProxyError`. Cancelled, it is closed."""
    sock = await _connect(proxy)
    try:
        await _ask(sock, origin)
    except OSError as error:
        sock.close()
        raise ProxyError("egress_proxy_unreachable") from error
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(proxy: ForwardProxy) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ProxyError("egress_proxy_unreachable") from error
    for family, kind, protocol, _name, address in found:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError:
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise ProxyError("egress_proxy_unreachable")


async def _ask(sock: socket.socket, origin: Origin) -> None:
    """Say CONNECT and read the answer's head; what follows belongs to TLS."""
    loop = asyncio.get_running_loop()
    target = b"%b:%d" % (origin.host.encode(), origin.port)
    await loop.sock_sendall(sock, b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (target, target))
    head = b""
    while _HEAD_END not in head:
        data = await loop.sock_recv(sock, HEAD_LIMIT_BYTES)
        head += data
        if not data or len(head) > HEAD_LIMIT_BYTES:
            raise _refused("does not answer CONNECT as a proxy does")
    status = _STATUS_LINE.match(head)
    if status is None:
        raise _refused("does not answer CONNECT as a proxy does")
    _judge(int(status[1]))
    if not head.endswith(_HEAD_END) or head.count(_HEAD_END) != 1:  # the provider never speaks first in TLS
        raise _refused("sent bytes of its own into the connection")


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status == 407:
        raise _refused("wants a name and password", "Let it know this machine by its address instead.")
    if status in _NOT_REACHED:
        raise ProxyError(
            "provider_unreachable",
            message=f"The way out's proxy cannot reach the provider (it answered {status}).",
        )
    raise _refused(f"refused the connection (it answered {status})")


def _refused(what: str, hint: str = "") -> ProxyError:
    return ProxyError("egress_proxy_refused", message=f"The way out's proxy {what}.", hint=hint)
