"""The control port: what the simulator saw, without content, over plain HTTP on loopback.

Its counterpart is a test or `sealgate demo` in another process.
"""

from __future__ import annotations

import time

import msgspec

from sealgate.simulator.calls import CallBook, CallsPage
from sealgate.simulator.connection import Reply, Request

_JSON = (("content-type", "application/json"), ("cache-control", "no-store"))


class Control:
    """Answers `GET /calls` and `GET /healthz`."""

    def __init__(self, book: CallBook) -> None:
        self._book = book

    async def handle(self, request: Request, reply: Reply) -> None:
        """Answer one request."""
        if request.method != "GET":
            await reply.send(405, _JSON, b'{"error":"only GET"}')
        elif request.path == "/healthz":
            await reply.send(200, _JSON, b'{"status":"ok"}')
        elif request.path == "/calls":
            page = CallsPage(time.monotonic_ns(), self._book.total, self._book.calls)
            await reply.send(200, _JSON, msgspec.json.encode(page))
        else:
            await reply.send(404, _JSON, b'{"error":"not found; hint: GET /calls or GET /healthz"}')
