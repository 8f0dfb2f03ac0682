"""Making a connection to a provider: direct, or through a proxy of the house; over verified TLS.

Counterpart: `upstream.py`, whose pool keeps what is made here. The only part of a call that awaits; whatever
the system says becomes one of our errors.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from sealgate.proxy.egress import EgressError, ForwardProxy, Origin, parse_origin
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.tunnel import open_tunnel

P = TypeVar("P", bound=asyncio.BaseProtocol)


class WayOut:
    """How this proxy reaches providers."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        forward_proxy: ForwardProxy | None = None,
        plain_http_to_loopback: bool = False,
    ) -> None:
        self._context, self._forward_proxy = context, forward_proxy
        self._plain_http_to_loopback = plain_http_to_loopback
        self._origins: dict[str, Origin] = {}

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
        else:
            _transport, made = await loop.create_connection(
                protocol, origin.address, origin.port, ssl=context, server_hostname=name
            )
        return made

    def __repr__(self) -> str:
        return f"<WayOut {'direct' if self._forward_proxy is None else 'through a proxy'}>"
