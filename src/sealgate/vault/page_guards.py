"""What every request to the public listener must pass: our host, our origin, a small JSON body.

Counterpart: `pages`, which puts the guards in order. Nothing in here keeps an address, a ticket or a body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Never, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

BODY_LIMIT_BYTES = 8 * 1024
BODY_TIMEOUT_S = 10.0
MISSES_AT_ONCE = 30
MISSES_PER_S = 1.0

Body = TypeVar("Body", bound=msgspec.Struct)


class PageRefusedError(Exception):
    """An answer that is an error: its status, stable code, message and hint."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.hint = hint


class Misses:
    """A bucket of wrong tickets for the whole process; whoever has a good one is never held up by it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(MISSES_AT_ONCE)
        self._since_s = clock()

    def count(self) -> None:
        """One more wrong ticket; raises `PageRefusedError` when there were too many."""
        now_s = self._clock()
        refill = max(now_s - self._since_s, 0.0) * MISSES_PER_S
        self._left = min(self._left + refill, float(MISSES_AT_ONCE)) - 1.0
        self._since_s = now_s
        if self._left < 0.0:
            self._left = 0.0
            raise PageRefusedError(
                429, "rate_limited", "Too many wrong tickets.", "Wait a minute, then try again."
            )


def check_host(
    request: Request, hosts: frozenset[str], hint: str = "Use the address that the console gives."
) -> str:
    """The request's Host if it is ours; anything else (DNS rebinding, a forgotten name) is refused."""
    values = request.headers.getlist("host")
    host = values[0].lower() if len(values) == 1 else ""
    if host not in hosts and _without_port(host) not in hosts:
        raise PageRefusedError(421, "host_unknown", "This vault has another name.", hint)
    return host


def check_same_origin(request: Request, scheme: str, host: str) -> None:
    """Refuse a post from any page but our own (Fetch §3.2, Fetch Metadata `Sec-Fetch-Site`)."""
    origins = request.headers.getlist("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origins != [f"{scheme}://{host}"] or site != "same-origin":
        raise PageRefusedError(
            403, "origin_refused", "Only the sealing page may do this.", "Open the sealing page itself."
        )


async def read_json(request: Request, form: type[Body]) -> Body:
    """The body as `form`; raises `PageRefusedError` for another type, a large, slow or malformed body."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise PageRefusedError(
            415, "not_json", "The body must be JSON.", "Send content-type: application/json."
        )
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            raw = await _read(request)
        return msgspec.json.decode(raw, type=form)
    except TimeoutError:
        raise PageRefusedError(408, "too_slow", "The body did not arrive in time.", "Try again.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PageRefusedError(
            400, "malformed", "The body does not have the right form.", "Reload the page."
        ) from None
    except ClientDisconnect:
        raise PageRefusedError(400, "malformed", "The body broke off.", "Try again.") from None


async def _read(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > BODY_LIMIT_BYTES:
        _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            _too_large()
    return bytes(body)


def _too_large() -> Never:
    raise PageRefusedError(
        413, "too_large", f"The body is over {BODY_LIMIT_BYTES} bytes.", "Paste the key alone, nothing else."
    )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
