"""What every answer of Larkspur carries, and which host names it answers to.

Its counterpart is a browser. The policy is as strict as the assistant needs: one foreign origin, the
proxy's, for the script and for its calls; nothing inline, nothing framed.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = ("localhost", "127.0.0.1")


def content_security_policy(proxy_url: str) -> str:
    """The policy to copy: `script-src` and `connect-src` name the proxy, the only foreign origin."""
    rules = (
        "default-src 'none'",
        f"script-src 'self' {proxy_url}",
        f"connect-src 'self' {proxy_url}",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types lit-html",
    )
    return "; ".join(rules)


class SafeHeaders:
    """Puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, proxy_url: str) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": content_security_policy(proxy_url),
            "x-content-type-options": "nosniff",
            # Not `no-referrer`: with it browsers send `Origin: null` with forms, and the check would fail.
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                # Pages hold drafts and CSRF tokens; static files may be kept if the browser asks each time.
                static = scope["path"].startswith("/static/")
                headers.setdefault("cache-control", "no-cache" if static else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostNames:
    """Answers only to its own names: another name must not get its cookies or its pages."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], public_url: str) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or send it where it belongs."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        named = [value for name, value in scope["headers"] if name == b"host"]
        host = _host_name(named[0].decode("latin-1")) if len(named) == 1 else ""
        if host in self._hosts:
            return None
        if host in _LOOPBACK and scope["method"] == "GET":
            return RedirectResponse(self._public_url + scope["path"], 307)
        return PlainTextResponse("This is not one of my names.\n", 421)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
