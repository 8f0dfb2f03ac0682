"""The token endpoint: what a host application adds to its server for its signed-in people.

Copy this file's endpoint. Its counterparts are `static/assistant.js` in the page and Sealgate's proxy,
which verifies the token. The signing key stays here, on the server; a browser gets a token for fifteen
minutes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sealgate.session import SessionSigner

from .people import Door

LIFETIME_S: Final = 900
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def token_endpoint(signer: SessionSigner, door: Door, origin: str) -> Endpoint:
    """Make `POST /assistant/session`."""

    async def assistant_session(request: Request) -> Response:
        who = door.required(request)  # your own sign-in
        door.check_csrf(request, who, request.headers.get("x-csrf-token"))  # your own CSRF protection
        token = signer.token(
            user=who.person,  # your own id of this person: opaque, no name and no e-mail address
            permissions=["action:*", "prompt"],
            origin=origin,
            lifetime_s=LIFETIME_S,
            sid=who.sid,
        )
        answer = {"token": token, "expires_at": int(time.time()) + LIFETIME_S}
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    return assistant_session
