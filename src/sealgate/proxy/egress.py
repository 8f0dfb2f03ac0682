"""The way out: which origin, which certificate authorities, which address.

Counterpart: `upstream.py`. Only https, the host name checked against the certificate, no proxy variables, no
key log; plain HTTP to this machine alone, where a loudly named setting allows it. Must never be talked into
another destination by the environment.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec

LOOPBACK = "127.0.0.1"
_ORIGIN = re.compile(r"https://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::([0-9]{1,5}))?")
# RFC 6761 §6.3: `*.localhost` never leaves this machine. The port is never left out.
_PLAIN_ORIGIN = re.compile(
    r"http://(127\.0\.0\.1|\[::1\]|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}localhost):([0-9]{1,5})"
)
_FORWARD_PROXY = re.compile(r"http://([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]):([0-9]{1,5})")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


class EgressError(ValueError):
    """An origin or a file that the way out cannot use; the message carries a hint."""


class Origin(msgspec.Struct, frozen=True):
    """An origin, taken apart. `address` is what is connected to."""

    name: str
    """As it was written: connections are pooled by it."""
    host: str
    port: int
    address: str
    authority: bytes
    """For the Host header."""
    tls: bool = True

    @property
    def local(self) -> bool:
        """True for this machine: no other proxy stands between."""
        return self.address in (LOOPBACK, "::1")


def parse_origin(origin: str, *, plain_http_to_loopback: bool = False) -> Origin:
    """Take an origin apart (RFC 6454 §4); `*.localhost` is this machine (RFC 6761 §6.3). `EgressError`."""
    plain = _PLAIN_ORIGIN.fullmatch(origin)
    if plain is not None and plain_http_to_loopback and 0 < int(plain[2]) < 65_536:
        address = "::1" if plain[1] == "[::1]" else LOOPBACK
        host = plain[1].strip("[]")
        return Origin(origin, host, int(plain[2]), address, f"{plain[1]}:{plain[2]}".encode(), tls=False)
    match = _ORIGIN.fullmatch(origin)
    port = int(match[2] or 443) if match else 0
    if match is None or not 0 < port < 65_536:
        raise EgressError(f"{origin!r} is no https origin. hint: use 'https://host' or 'https://host:port'")
    host = match[1]
    local = host == "localhost" or host.endswith(".localhost")
    authority = host if match[2] is None else f"{host}:{port}"
    return Origin(origin, host, port, LOOPBACK if local else host, authority.encode())


class ForwardProxy(msgspec.Struct, frozen=True):
    """The proxy that connections go through."""

    host: str
    port: int


def parse_forward_proxy(address: str) -> ForwardProxy:
    """Take `http://host:port` apart; raises `EgressError`, which never quotes a password."""
    match = _FORWARD_PROXY.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 65_536:
        shown = "the address" if "@" in address else repr(address)
        raise EgressError(
            f"egress.proxy: {shown} is no proxy's address. hint: write 'http://host:port', without a name "
            "and password; let the proxy know this machine by its address"
        )
    return ForwardProxy(match[1].strip("[]"), int(match[2]))


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A verifying client context over the system's store, or `ca_file` instead of it. `EgressError`."""
    # Not `create_default_context`: it honours SSLKEYLOGFILE, and would write secrets to a file.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise EgressError(
            f"{ca_file} holds no usable certificate. hint: give a PEM file of certificate authorities"
        ) from error
    return context


def ignored_proxy_variables() -> Iterator[str]:
    """Variables of the environment that would send a key through another proxy, were they honoured."""
    for name in _PROXY_VARIABLES:
        for spelling in (name, name.upper()):
            if os.environ.get(spelling):
                yield spelling


def refuse_key_log() -> None:
    """Raise `EgressError` if the environment asks for TLS secrets to be written to a file."""
    if os.environ.get("SSLKEYLOGFILE"):
        raise EgressError("SSLKEYLOGFILE is set. hint: unset it; a proxy never writes TLS secrets to a file")
