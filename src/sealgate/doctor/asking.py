"""The two questions that the doctor asks over HTTP: of the console's public address, and of providers.

Providers are reached exactly as the proxy reaches them: same authorities, same way out, and no key.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from sealgate.proxy.connecting import resolved
from sealgate.proxy.egress import EgressError, Origin, parse_forward_proxy, parse_origin, tls_context
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.networks import parse_networks, refusal_of
from sealgate.proxy.tunnel import open_tunnel
from sealgate.settings import Settings
from sealgate.vault.destinations import BUILT_IN

PATIENCE_S = 5.0


class NotAnsweredError(Exception):
    """Nobody answered; the text says why."""


class Answer(Struct, frozen=True):
    """What matters of an answer."""

    status: int
    date: str
    local: bool = False
    """True if this machine answered itself: its date is that of the clock in question."""


def ask_console(settings: Settings) -> Answer:
    """Ask at the console's public address, as a browser would; what it presents is not verified here."""
    parts = urlsplit(settings.console.url)
    host = parts.hostname or ""
    address = "127.0.0.1" if host.endswith("localhost") else host
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(address, parts.port, timeout=PATIENCE_S, context=context)
    else:
        connection = http.client.HTTPConnection(address, parts.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        try:
            connection.request("HEAD", "/healthz", headers={"host": parts.netloc})
            local = connection.sock.getpeername()[0] == connection.sock.getsockname()[0]
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NotAnsweredError(str(error)) from error
        return Answer(answer.status, answer.getheader("date", ""), local)


def provider_origins(settings: Settings) -> Iterator[str]:
    """The origins of the vault's own settings, and the first built-in one: not every region."""
    configured = (each.origin for each in settings.vault.destinations)
    yield from dict.fromkeys((*configured, BUILT_IN[0].origin))


def ask_provider(settings: Settings, origin: str) -> Answer:
    """Ask a provider for its front page, without a key; raises `NotAnsweredError`."""
    try:
        plain = settings.egress.dangerously_allow_plain_http_to_loopback
        parsed = parse_origin(origin, plain_http_to_loopback=plain)
        return asyncio.run(_ask_patiently(settings, parsed))
    except TimeoutError:
        raise NotAnsweredError(f"no answer within {PATIENCE_S:.0f} s") from None
    except ssl.SSLCertVerificationError as error:
        raise NotAnsweredError(f"its certificate is not accepted ({error.verify_message})") from error
    except (OSError, ProxyError, EgressError, ValueError, IndexError) as error:
        raise NotAnsweredError(str(error)) from error


async def _ask_patiently(settings: Settings, origin: Origin) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        return await _ask(settings, origin)


async def _address(settings: Settings, origin: Origin) -> str:
    """Where the proxy would connect to: all that a name has is checked, as it does."""
    if origin.local:
        return origin.address
    networks = parse_networks(settings.egress.networks)
    found = await resolved(origin.address, origin.port)
    for each in found:
        why = refusal_of(each, networks)
        if why is not None:
            raise NotAnsweredError(f"its name leads to {each} ({why}), where the proxy sends no key")
    return found[0]


async def _ask(settings: Settings, origin: Origin) -> Answer:
    ca_file = Path(settings.egress.ca_file) if settings.egress.ca_file else None
    context = tls_context(ca_file) if origin.tls else None
    name = origin.host if origin.tls else None
    if settings.egress.proxy and not origin.local:
        sock = await open_tunnel(parse_forward_proxy(settings.egress.proxy), origin)
        reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
    else:
        address = await _address(settings, origin)
        reader, writer = await asyncio.open_connection(
            address, origin.port, ssl=context, server_hostname=name
        )
    try:
        writer.write(b"HEAD / HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % origin.authority)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        raise NotAnsweredError("it closed the connection") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    lines = head.split("\r\n")
    dates = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("date:")]
    return Answer(int(lines[0].split()[1]), dates[0] if dates else "")
