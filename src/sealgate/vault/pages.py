"""The vault's public listener: its pages, their files, and the posts that they make.

Counterpart: web/sealing. No answer holds a key or an envelope; a ticket that is unknown, used, expired or
damaged gives one and the same answer. Nothing of a request is logged.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sealgate.envelope import EnvelopeError, KeyFormatError, decode_text
from sealgate.log import Log
from sealgate.vault.config import VaultConfig
from sealgate.vault.deposits import DepositPlan, Deposits
from sealgate.vault.page_assets import BASE_HEADERS, NOTHING_POLICY, PageAssets, transport_headers
from sealgate.vault.page_guards import Misses, PageRefusedError, check_host, check_same_origin, read_json
from sealgate.vault.tickets import TicketRefusedError

ENVELOPE_TEXT_LIMIT_CHARS = 2048

View = Callable[[Request], Awaitable[Response]]


class TicketBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /deposit/ticket`."""

    ticket: str


class DepositBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /deposit`."""

    ticket: str
    envelope: str


class Named(msgspec.Struct, frozen=True):
    """Something with an id and a name."""

    id: str
    name: str


class Labelled(msgspec.Struct, frozen=True):
    """A provider."""

    id: str
    label: str


class OfferedKey(msgspec.Struct, frozen=True):
    """A public key that the browser may seal to; bytes as base64url."""

    suite: int
    key_id: str
    public_key: str


class TicketView(msgspec.Struct, frozen=True):
    """Everything that the page shows and seals with, from the vault's own record."""

    instance: str
    organization: Named
    application: Named
    credential: str
    version: int
    provider: Labelled
    origin: str
    epoch: int
    keys: tuple[OfferedKey, ...]
    """The preferred suite first."""
    expires_at: float
    return_url: str
    replaces: bool
    """True if a key is destroyed by this deposit."""
    stage: bool
    """True if the key waits until somebody switches to it."""


class Receipt(msgspec.Struct, frozen=True):
    """What was stored."""

    credential: str
    version: int
    last_four: str
    fingerprint: str
    return_url: str


class Pages:
    """The public listener's answers; `app` is the ASGI application."""

    def __init__(
        self,
        config: VaultConfig,
        deposits: Deposits,
        assets: PageAssets,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._instance = config.instance
        self._hosts = frozenset(config.hosts)
        self._scheme = urlsplit(config.public_url).scheme
        self._console_url = config.console_url.rstrip("/")
        self._deposits = deposits
        self._assets = assets
        self._clock = clock
        self._misses = Misses(clock)
        self._log = log
        self._headers = dict(BASE_HEADERS + transport_headers(config.public_url))
        self.app = Starlette(
            routes=[
                Route("/deposit", self._guarded(self._show_sealing), methods=["GET"]),
                Route("/deposit", self._guarded(self._deposit), methods=["POST"]),
                Route("/deposit/ticket", self._guarded(self._show_ticket), methods=["POST"]),
                Route("/enrol", self._guarded(self._show_enrol), methods=["GET"]),
                Route("/approve", self._guarded(self._show_approve), methods=["GET"]),
                Route("/assets/{name}", self._guarded(self._show_asset), methods=["GET"]),
                Route("/healthz", self._guarded(self._health), methods=["GET"]),
                Route("/{rest:path}", self._guarded(self._nothing), methods=["GET", "POST"]),
            ],
            exception_handlers={405: self._wrong_method},
        )

    async def _show_sealing(self, _request: Request) -> Response:
        return self._page("sealing")

    async def _show_enrol(self, _request: Request) -> Response:
        return self._page("enrol")

    async def _show_approve(self, _request: Request) -> Response:
        return self._page("approve")

    async def _show_asset(self, request: Request) -> Response:
        asset = self._assets.files.get(request.path_params["name"])
        if asset is None:
            return await self._nothing(request)
        return self._answer(200, asset.content, asset.media_type, NOTHING_POLICY)

    async def _health(self, _request: Request) -> Response:
        return self._answer(200, b"ok\n", "text/plain; charset=utf-8", NOTHING_POLICY)

    async def _show_ticket(self, request: Request) -> Response:
        body = await read_json(request, TicketBody)
        plan = self._deposits.plan(body.ticket, self._clock())
        return self._json(200, self._view(plan))

    async def _deposit(self, request: Request) -> Response:
        body = await read_json(request, DepositBody)
        if len(body.envelope) > ENVELOPE_TEXT_LIMIT_CHARS:
            raise PageRefusedError(
                413, "too_large", "The envelope is too large.", "Paste the key alone, nothing else."
            )
        # The ticket first: a stranger must not learn from here what an envelope looks like.
        plan = self._deposits.plan(body.ticket, self._clock())
        stored = self._deposits.accept(body.ticket, decode_text(body.envelope), self._clock())
        return_url = self._return_url(plan.ticket.application)
        receipt = Receipt(stored.credential, stored.version, stored.last_four, stored.fingerprint, return_url)
        return self._json(200, receipt)

    async def _nothing(self, _request: Request) -> Response:
        raise PageRefusedError(404, "not_found", "There is nothing here.", "Start from the console.")

    def _guarded(self, view: View) -> View:
        """Host, origin and errors, in this order, around every view."""

        async def guarded(request: Request) -> Response:
            try:
                host = check_host(request, self._hosts)
                if request.method == "POST":
                    check_same_origin(request, self._scheme, host)
                return await self._mapped(view, request)
            except PageRefusedError as error:
                return self._error(error)
            except Exception as error:  # noqa: BLE001 - edge: a traceback could quote a request
                self._log("page_failed", error=type(error).__name__, page=view.__name__.strip("_"))
                return self._error(
                    PageRefusedError(500, "internal", "Something failed.", "Look into the vault's log.")
                )

        return guarded

    async def _mapped(self, view: View, request: Request) -> Response:
        try:
            return await view(request)
        except TicketRefusedError:
            self._misses.count()
            raise PageRefusedError(
                404, "ticket_unknown", "This ticket does not work.", "Ask the console for a new one."
            ) from None
        except (EnvelopeError, KeyFormatError) as error:
            raise PageRefusedError(400, error.code, str(error), error.hint) from None
        except OSError as error:
            self._log("database_failed", error=type(error).__name__, operation="deposit")
            raise PageRefusedError(
                503,
                "vault_unavailable",
                "The vault cannot write now.",
                "Tell your administrator; the ticket is unused.",
            ) from None

    def _view(self, plan: DepositPlan) -> TicketView:
        ticket = plan.ticket
        return TicketView(
            instance=self._instance,
            organization=Named(ticket.organization, ticket.organization_name),
            application=Named(ticket.application, ticket.application_name),
            credential=ticket.credential,
            version=ticket.version,
            provider=Labelled(ticket.provider, plan.label),
            origin=ticket.origin,
            epoch=plan.keys.epoch,
            keys=tuple(
                OfferedKey(pair.suite, _base64url(pair.key_id), _base64url(pair.public_key))
                for pair in plan.keys.pairs
            ),
            expires_at=ticket.expires_at,
            return_url=self._return_url(ticket.application),
            replaces=plan.replaces,
            stage=bool(ticket.stage),
        )

    def _return_url(self, application: str) -> str:
        # From our own configuration, never from the ticket or the request: no open redirect.
        return f"{self._console_url}/applications/{application}/add-on"

    async def _wrong_method(self, _request: Request, _error: Exception) -> Response:
        return self._error(
            PageRefusedError(
                405, "wrong_method", "This address is used otherwise.", "Start from the console."
            )
        )

    def _error(self, error: PageRefusedError) -> Response:
        content = {"error": {"code": error.code, "message": str(error), "hint": error.hint}}
        response = self._json(error.status, content)
        if error.status == 429:
            response.headers["retry-after"] = "60"
        if error.status in (408, 413):
            response.headers["connection"] = "close"
        return response

    def _json(self, status: int, content: msgspec.Struct | dict[str, dict[str, str]]) -> Response:
        return self._answer(status, msgspec.json.encode(content), "application/json", NOTHING_POLICY)

    def _page(self, name: str) -> Response:
        page = self._assets.pages[name]
        answer = self._answer(200, page.content, "text/html; charset=utf-8", page.policy)
        answer.headers["permissions-policy"] = page.permissions
        return answer

    def _answer(self, status: int, content: bytes, media_type: str, policy: str) -> Response:
        headers = {**self._headers, "content-security-policy": policy, "content-type": media_type}
        return Response(content, status, headers=headers)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
