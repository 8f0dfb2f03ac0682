"""The outermost ASGI layer: whose request it is, and whether it may come in the clear.

Counterpart: `peers`. Scheme and client are corrected here once; nothing behind it looks at forwarded headers.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sealgate.listening.peers import TrustedPeers, is_loopback

_REFUSED = "This listener takes plain HTTP from its TLS-terminating proxies only.\n"


class Arrival:
    """Sets `scheme` (from the public URL) and `client` (from trusted peers) of every request.

    `encrypted`: the listener itself speaks TLS. If it does not, strangers beyond this machine are refused.
    """

    def __init__(self, app: ASGIApp, public_url: str, peers: TrustedPeers, *, encrypted: bool) -> None:
        self._app = app
        self._scheme = urlsplit(public_url).scheme
        self._peers = peers
        self._encrypted = encrypted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer = (scope.get("client") or ("", 0))[0]
            if not self._encrypted and not self._near(peer, scope):
                headers = {"connection": "close"}
                await PlainTextResponse(_REFUSED, 403, headers)(scope, receive, send)
                return
            forwarded = [
                value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
            ]
            client = (self._peers.client(peer, forwarded), 0)
            scope = {**scope, "scheme": self._scheme, "client": client}
        await self._app(scope, receive, send)

    def _near(self, peer: str, scope: Scope) -> bool:
        here = (scope.get("server") or ("", 0))[0]
        return is_loopback(peer) or peer == here or peer in self._peers
