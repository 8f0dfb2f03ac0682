"""What every request goes through before a page, outermost first: the one visible list is `middleware`.

None of it writes an address, a cookie or a body anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sealgate.console.accounts.services import note_seen, recognize
from sealgate.console.api.door import ManagementApi
from sealgate.console.composition import Console
from sealgate.console.failures import where
from sealgate.console.visit import SIGN_IN_COOKIE

BODY_LIMIT_BYTES = 64 * 1024
BODY_TIME_S = 15.0
SAFE_METHODS = frozenset({"GET", "HEAD"})
OPEN_PATHS = ("/assets/", "/healthz")
"""Answered under every host name, and without looking who is there."""


def middleware(console: Console) -> list[Middleware]:
    """Outermost first."""
    return [
        Middleware(SecurityHeaders, console=console),
        Middleware(Failures, console=console),
        Middleware(HostNames, console=console),
        Middleware(ManagementApi, console=console),  # no page's guard after this one concerns it
        Middleware(BodyLimit, console=console),
        Middleware(SameOrigin, console=console),
        Middleware(Recognition, console=console),
    ]


class SecurityHeaders:
    """Every answer carries the same strict headers; pages are never stored by anything in between."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._headers = security_headers(console.config.public_url, console.config.vault_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Failures:
    """The last resort: a failure is logged by type and place, and the visitor sees no details."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001  (the outermost edge: nothing may reach the server's own log)
            self._console.log(
                "request_failed", kind=type(error).__name__, route=route_of(scope), where=where(error)
            )
            if not started:
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = "Sealgate could not do this. Try again; if it stays, look at the console's log."
        await PlainTextResponse(text, 500)(scope, receive, send)


class HostNames:
    """Only our own names: others are refused, known ones sent on to the public address."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console
        self._public = urlsplit(console.config.public_url)
        self._known = {name.rsplit(":", 1)[0].lower() for name in console.config.hosts}
        self._known.add(self._public.hostname or "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = Headers(scope=scope).getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if host == self._public.netloc.lower() or scope["path"].startswith(OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        if host.rsplit(":", 1)[0] in self._known and scope["method"] in SAFE_METHODS:
            there = self._console.config.public_url + Request(scope).url.path
            await RedirectResponse(there, 308)(scope, receive, send)
            return
        await refuse(self._console, "host", scope, receive, send)


class BodyLimit:
    """Forms are small and arrive at once; what is longer, slower or of another type is refused."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["method"] not in SAFE_METHODS:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/x-www-form-urlencoded":
                await refuse(self._console, "content_type", scope, receive, send)
                return
            try:
                async with asyncio.timeout(BODY_TIME_S):
                    body = await read_bounded(receive)
            except TimeoutError:
                await refuse(self._console, "body_slow", scope, receive, send)
                return
            if body is None:
                await refuse(self._console, "body_size", scope, receive, send)
                return
            receive = replay(body, receive)
        await self._app(scope, receive, send)


class SameOrigin:
    """What changes something must come from our own pages; forms carry a token as well."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console
        self._origin = console.config.public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in SAFE_METHODS or self._ours(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        await refuse(self._console, "cross_origin", scope, receive, send)

    def _ours(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is None and origin is None:
            return False
        return site in {None, "same-origin"} and origin in {None, self._origin}


class Recognition:
    """Finds out who is signed in, from the cookie's hash."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = Request(scope).cookies.get(SIGN_IN_COOKIE)
        scope.setdefault("state", {})["account"] = None
        if token and not scope["path"].startswith(OPEN_PATHS):
            await self._recognize(scope, token)
        await self._app(scope, receive, send)

    async def _recognize(self, scope: Scope, token: str) -> None:
        now_s = self._console.now()
        async with self._console.database.reading() as tx:
            found = await recognize(tx, token, now_s)
        if found is None:
            return
        scope["state"]["account"], seen_long_ago = found
        if seen_long_ago:
            async with self._console.database.writing() as tx:
                await note_seen(tx, found[0].token_hash, now_s)


REFUSALS: Mapping[str, tuple[int, str]] = {
    "host": (421, "This name is not the console's. Open the address that its administrator gave you."),
    "content_type": (415, "The console takes forms only."),
    "body_slow": (408, "The form took too long to arrive. Try again."),
    "body_size": (413, "This form is too long."),
    "cross_origin": (403, "This did not come from a page of the console. Open the page and try there."),
}


async def refuse(console: Console, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Turn a request away before any page."""
    console.log("request_refused", reason=reason, route=scope["method"])
    status, text = REFUSALS[reason]
    await PlainTextResponse(text, status)(scope, receive, send)


def security_headers(public_url: str, vault_url: str) -> dict[str, str]:
    """The headers of every answer. `form-action` names the vault: a form's redirect leads there."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"form-action 'self' {vault_url}; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    if public_url.startswith("https://"):
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


def route_of(scope: Scope) -> str:
    """The route's own pattern, for the log: a path may hold what a visitor typed."""
    route = scope.get("route")
    return str(getattr(route, "path", "")).replace("{", "[").replace("}", "]")


async def read_bounded(receive: Receive) -> bytes | None:
    """The whole body, or `None` once it is over the limit."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, for whoever reads it next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
