"""The management API's door: what a request goes through before and after its way. Outermost first: token,
rate, method, scope, query, body; and every failure becomes one of `errors`.

It stands before the pages' own guards, since it reads no cookie and answers no browser: there are no CORS
headers, and a page elsewhere cannot read an answer or send the header that it needs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from sealgate.console.addon.desk import VaultAwayError, VaultRefusedError
from sealgate.console.api import openapi
from sealgate.console.api.call import Call, Reply
from sealgate.console.api.errors import ApiError, ErrorBody, ErrorDetail
from sealgate.console.api.routes import DOCUMENT, WAYS, Way
from sealgate.console.api.tokens import Holder, find_holder, note_used
from sealgate.console.applications.services import NotThereError
from sealgate.console.composition import Console
from sealgate.console.failures import where
from sealgate.console.forms import InputError
from sealgate.policy.bodies import JSON, parse_json_object
from sealgate.policy.refusals import Refusal

BODY_LIMIT_BYTES: Final = 1024 * 1024
BODY_TIME_S: Final = 15.0
_BEARER: Final = re.compile(r"Bearer +(\S+)", re.I)


class _Room(Struct, frozen=True):
    """One path and its ways by method."""

    pattern: re.Pattern[str]
    ways: Mapping[str, Way]


class ManagementApi:
    """ASGI middleware: answers everything under `/api`, hands on the rest."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app = app
        self._console = console
        paths = dict.fromkeys(way.path for way in WAYS)
        self._rooms = [
            _Room(compile_path(path)[0], {way.method: way for way in WAYS if way.path == path})
            for path in paths
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (scope["path"] == "/api" or scope["path"].startswith("/api/")):
            await self._app(scope, receive, send)
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._enter(request)
        except ApiError as error:
            return self._refused(error)
        except NotThereError:
            return self._refused(ApiError("not_found", "There is nothing here.", "Look at id and path."))
        except InputError as error:
            return self._refused(ApiError("invalid", error.message, error.hint, error.field))
        except VaultAwayError:
            hint = "Start the vault, or wait for it; then try again."
            return self._refused(ApiError("vault_away", "The vault cannot be reached now.", hint))
        except VaultRefusedError as error:
            told = ApiError("vault_refused", error.message, error.hint, vault_code=error.code)
            return self._refused(told)
        except Exception as error:  # noqa: BLE001 - edge: nothing may reach the server's own log
            self._console.log("request_failed", kind=type(error).__name__, route="/api", where=where(error))
            hint = "Try again; if it stays, look at the console's log."
            return self._refused(ApiError("internal", "Sealgate could not do this.", hint))

    async def _enter(self, request: Request) -> Response:
        if request.url.path == DOCUMENT and request.method == "GET":
            return Response(openapi.text(), media_type="application/json")
        holder = await self._holder(request)
        way = self._find(request)
        if way.needs not in holder.scopes:
            raise ApiError(
                "scope_missing",
                f"This token may not do this: it lacks the scope {way.needs.value!r}.",
                "Have an owner make a token with it.",
            )
        _check_query(request, way)
        body = await _body(request) if way.takes is not None else None
        reply = await way.answer(Call(self._console, request, holder, body))
        return _json(reply, reply.status or way.status)

    async def _holder(self, request: Request) -> Holder:
        shown = request.headers.getlist("authorization")
        bearer = _BEARER.fullmatch(shown[0]) if len(shown) == 1 else None
        if bearer is None:
            raise ApiError(
                "token_missing",
                "There is no token here.",
                "Send one header: Authorization: Bearer sgt_… An owner makes tokens on the console's page.",
            )
        now_s = self._console.now()
        async with self._console.database.reading() as tx:
            found = await find_holder(tx, bearer[1], now_s)
        if found is None:
            self._slow_misses(request)
            raise ApiError(
                "token_refused", "This token does not work.", "Have an owner look at it, or make a new one."
            )
        holder, write_down = found
        _slow(self._console.throttles.api_by_token.admit(holder.token))
        if write_down:
            async with self._console.database.writing() as tx:
                await note_used(tx, holder.token, now_s)
        return holder

    def _slow_misses(self, request: Request) -> None:
        # Only wrong tokens are counted by address: whoever has a good one is never held up by a neighbour.
        self._console.log("request_refused", reason="management_token", route=request.method)
        _slow(
            self._console.throttles.api_misses_by_address.admit(request.client.host if request.client else "")
        )

    def _find(self, request: Request) -> Way:
        for room in self._rooms:
            matched = room.pattern.match(request.url.path)
            if matched:
                request.scope["path_params"] = matched.groupdict()
                way = room.ways.get(request.method)
                if way is None:
                    allowed = ", ".join(room.ways)
                    raise ApiError(
                        "method_not_allowed", f"Not with {request.method[:16]}.", f"Use {allowed}."
                    )
                return way
        raise NotThereError

    def _refused(self, error: ApiError) -> Response:
        detail = ErrorDetail(error.code, error.message, error.hint, error.field, error.vault_code)
        headers = {"retry-after": str(error.retry_after_s)} if error.retry_after_s else {}
        if error.status == 401:
            headers["www-authenticate"] = "Bearer"
        if error.status in {408, 413}:
            headers["connection"] = "close"
        return _json(Reply(ErrorBody(detail), headers=headers), error.status)


def _json(reply: Reply, status: int) -> Response:
    return Response(
        msgspec.json.encode(reply.body), status, headers=dict(reply.headers), media_type="application/json"
    )


def _slow(wait_s: int) -> None:
    if wait_s:
        hint = f"Wait {wait_s} seconds, then go on."
        raise ApiError("rate_limited", "These were too many requests.", hint, retry_after_s=wait_s)


def _check_query(request: Request, way: Way) -> None:
    known = [query.value[0] for query in way.query]
    names = [name for name, _value in request.query_params.multi_items()]
    for name in names:
        if name not in known or names.count(name) > 1:
            hint = f"This takes {', '.join(known)}." if known else "This takes none."
            what = "is unknown" if name not in known else "stands twice"
            raise ApiError(
                "malformed", f"The query parameter {name[:40]!r} {what}.", hint, f"query.{name[:40]}"
            )


async def _body(request: Request) -> dict[str, JSON]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError("not_json", "The body must be JSON.", "Send content-type: application/json.")
    try:
        async with asyncio.timeout(BODY_TIME_S):
            raw = await _read(request)
        return parse_json_object(raw)
    except TimeoutError:
        raise ApiError("body_slow", "The body did not arrive in time.", "Try again.") from None
    except ClientDisconnect:
        raise ApiError("malformed", "The body broke off.", "Try again.") from None
    except Refusal as refusal:
        raise ApiError("malformed", refusal.message, refusal.hint) from None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT_BYTES:
            raise ApiError("body_too_large", "The body is over 1 MiB.", "Send less at once.")
    return bytes(body)
