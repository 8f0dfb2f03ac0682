"""The vault's public listener: its pages, their files, and the posts that they make.

Counterpart: web/sealing. No answer holds a key or an envelope; a ticket that is unknown, used, expired or
damaged gives one and the same answer. Nothing of a request is logged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sealgate.envelope import decode_text
from sealgate.log import Log
from sealgate.vault import base64url
from sealgate.vault.administrator_pages import (
    AdministratorPages,
    ApproveBody,
    EnrolBody,
    InvitationBody,
    Named,
    PasskeyBody,
    ProposalBody,
    assertion,
)
from sealgate.vault.config import VaultConfig
from sealgate.vault.deposits import DepositPlan, Deposits
from sealgate.vault.page_assets import BASE_HEADERS, NOTHING_POLICY, PageAssets, transport_headers
from sealgate.vault.page_failures import LOGGED, MAPPED, answer_for, is_miss
from sealgate.vault.page_guards import Misses, PageRefusedError, check_host, check_same_origin, read_json
from sealgate.vault.relying_party import relying_party

ENVELOPE_TEXT_LIMIT_CHARS = 2048

View = Callable[[Request], Awaitable[Response]]


class TicketBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /deposit/ticket`."""

    ticket: str


class DepositBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /deposit`."""

    ticket: str
    envelope: str
    passkey: PasskeyBody | None = None
    """Where the ticket's view names passkeys: an administrator's yes to exactly this."""


class Labelled(msgspec.Struct, frozen=True):
    """A provider."""

    id: str
    label: str


class OfferedKey(msgspec.Struct, frozen=True):
    """A public key that the browser may seal to; bytes as base64url."""

    suite: int
    key_id: str
    public_key: str


class PasskeyWanted(msgspec.Struct, frozen=True):
    """Who may approve the deposit: ids of passkeys as base64url."""

    rp_id: str
    allow: tuple[str, ...]


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
    passkey: PasskeyWanted | None
    """None: no administrator need approve."""


class Receipt(msgspec.Struct, frozen=True):
    """What was stored."""

    credential: str
    version: int
    last_four: str
    fingerprint: str
    return_url: str
    approved_by: str | None


class Pages:
    """The public listener's answers; `app` is the ASGI application."""

    def __init__(
        self,
        config: VaultConfig,
        deposits: Deposits,
        administrators: AdministratorPages,
        *,
        keeper: Callable[[], Awaitable[None]],
        assets: PageAssets,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._instance = config.instance
        self._party = relying_party(config.public_url)
        self._administrators = administrators
        self._hosts = frozenset(config.hosts)
        self._scheme = urlsplit(config.public_url).scheme
        self._console_url = config.console_url.rstrip("/")
        self._deposits = deposits
        self._keeper = keeper
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
                Route("/enrol", self._guarded(self._enrol), methods=["POST"]),
                Route("/enrol/invitation", self._guarded(self._show_invitation), methods=["POST"]),
                Route("/approve", self._guarded(self._approve), methods=["POST"]),
                Route("/approve/proposal", self._guarded(self._show_proposal), methods=["POST"]),
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
        passkey = None if body.passkey is None else assertion(body.passkey)
        envelope = decode_text(body.envelope)
        await self._keeper()  # one that hangs must not hold up proxies
        deposited = self._deposits.accept(body.ticket, envelope, self._clock(), passkey)
        stored = deposited.version
        receipt = Receipt(
            credential=stored.credential,
            version=stored.version,
            last_four=stored.last_four,
            fingerprint=stored.fingerprint,
            return_url=self._return_url(plan.ticket.application),
            approved_by=deposited.approved_by,
        )
        return self._json(200, receipt)

    async def _show_invitation(self, request: Request) -> Response:
        return self._json(200, self._administrators.invitation(await read_json(request, InvitationBody)))

    async def _enrol(self, request: Request) -> Response:
        return self._json(200, self._administrators.enrol(await read_json(request, EnrolBody)))

    async def _show_proposal(self, request: Request) -> Response:
        return self._json(200, self._administrators.proposal(await read_json(request, ProposalBody)))

    async def _approve(self, request: Request) -> Response:
        return self._json(200, self._administrators.approve(await read_json(request, ApproveBody)))

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
                if request.method == "POST" and error.code not in LOGGED:
                    self._log("page_refused", code=error.code, page=_name(view))
                return self._error(error)
            except Exception as error:  # noqa: BLE001 - edge: a traceback could quote a request
                self._log("page_failed", error=type(error).__name__, page=_name(view))
                return self._error(
                    PageRefusedError(500, "internal", "Something failed.", "Look into the vault's log.")
                )

        return guarded

    async def _mapped(self, view: View, request: Request) -> Response:
        try:
            return await view(request)
        except MAPPED as error:
            if is_miss(error):
                self._misses.count()
            raise answer_for(error) from None
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
                OfferedKey(pair.suite, base64url.encode(pair.key_id), base64url.encode(pair.public_key))
                for pair in plan.keys.pairs
            ),
            expires_at=ticket.expires_at,
            return_url=self._return_url(ticket.application),
            replaces=plan.replaces,
            stage=bool(ticket.stage),
            passkey=self._wanted(plan),
        )

    def _wanted(self, plan: DepositPlan) -> PasskeyWanted | None:
        if plan.passkeys is None:
            return None
        return PasskeyWanted(self._party.id, tuple(base64url.encode(each) for each in plan.passkeys))

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


def _name(view: View) -> str:
    return view.__name__.strip("_")
