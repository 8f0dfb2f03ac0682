"""Making a connection to a provider: direct, or through a proxy of the house; over verified TLS.

A name is resolved once for each connection; every address that comes is checked (`networks.py`), and the
connection goes to one that was. Through a proxy of the house, that one resolves.

Counterpart: `upstream.py`, whose pool keeps what is made here. The only part of a call that awaits; whatever
the system says becomes one of our errors.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sealgate.proxy.egress import EgressError, ForwardProxy, Origin, parse_origin
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.networks import Network, refusal_of
from sealgate.proxy.tunnel import open_tunnel

P = TypeVar("P", bound=asyncio.BaseProtocol)
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a name and a port to addresses."""


class WayOut:
    """How this proxy reaches providers."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        forward_proxy: ForwardProxy | None = None,
        plain_http_to_loopback: bool = False,
        networks: tuple[Network, ...] = (),
        resolve: Resolve | None = None,
    ) -> None:
        self._context, self._forward_proxy, self._networks = context, forward_proxy, networks
        self._resolve = resolve or resolved
        self._plain_http_to_loopback = plain_http_to_loopback
        self._origins: dict[str, Origin] = {}
        self.addresses: dict[str, tuple[str, ...]] = {}
        """Where each origin was found last, for the operators' pages; never written anywhere."""

    def origin(self, name: str) -> Origin:
        """A credential's origin, taken apart once; `ProxyError` for what a key may not go to."""
        parsed = self._origins.get(name)
        if parsed is None:
            try:
                parsed = parse_origin(name, plain_http_to_loopback=self._plain_http_to_loopback)
            except EgressError as error:
                raise ProxyError("provider_address") from error
            self._origins[name] = parsed
        return parsed

    async def connect(self, origin: Origin, protocol: Callable[[], P], timeout_s: float) -> P:
        """A connection whose certificate is verified; raises `ProxyError` for whatever goes wrong."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connect(origin, protocol)
        except TimeoutError as error:
            raise ProxyError("provider_timeout") from error
        except ssl.SSLCertVerificationError as error:
            raise ProxyError("provider_certificate") from error
        except OSError as error:
            raise ProxyError("provider_unreachable") from error

    async def _connect(self, origin: Origin, protocol: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        context, name = (self._context, origin.host) if origin.tls else (None, None)
        if self._forward_proxy is not None and not origin.local:
            sock = await open_tunnel(self._forward_proxy, origin)
            _transport, made = await loop.create_connection(
                protocol, sock=sock, ssl=context, server_hostname=name
            )
            return made
        failed: OSError | None = None
        for address in await self._addresses(origin):
            try:
                _transport, made = await loop.create_connection(
                    protocol, address, origin.port, ssl=context, server_hostname=name
                )
            except ssl.SSLError:
                raise  # another address of the same name would show the same
            except OSError as error:
                failed = error
            else:
                return made
        raise failed or OSError("the name has no address")

    async def _addresses(self, origin: Origin) -> list[str]:
        """Where to connect, checked; `ProxyError` if even one is where no provider can be."""
        if origin.local:
            self.addresses[origin.name] = (origin.address,)
            return [origin.address]
        addresses = await self._resolve(origin.address, origin.port)
        self.addresses[origin.name] = tuple(addresses)
        if any(refusal_of(each, self._networks) for each in addresses):
            raise ProxyError("provider_address_refused")
        return addresses

    def __repr__(self) -> str:
        return f"<WayOut {'direct' if self._forward_proxy is None else 'through a proxy'}>"


async def resolved(host: str, port: int) -> list[str]:
    """Every address of a name, each once; raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_kind, address in found))
