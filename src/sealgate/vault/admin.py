"""The vault's port for operators: a page to look at, the same as JSON, readiness, and metrics for Prometheus.

Counterparts: `observing`, which looks, and the supervisor or collector that asks. On loopback only. It reads
and changes nothing; it shows no key, no name and no person, and answers only to its own host names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sealgate.log import Log
from sealgate.vault.faults import AlarmError, StartError, StorageError
from sealgate.vault.key_listing import KeyListing
from sealgate.vault.observing import Observer
from sealgate.vault.page_assets import BASE_HEADERS, NOTHING_POLICY
from sealgate.vault.page_guards import PageRefusedError, check_host
from sealgate.vault.status import Organizations, Status
from sealgate.vault.status_metrics import metrics_page
from sealgate.vault.status_page import page

HTML, JSON = "text/html; charset=utf-8", "application/json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
PAGES = ("/", "/status.json", "/readyz", "/healthz", "/metrics")
_ASKED_LIMIT_CHARS = 64
_FILES = {"status.css": "text/css; charset=utf-8", "seal.svg": "image/svg+xml"}

View = Callable[[Request], Awaitable[Response]]


class StatusDocument(msgspec.Struct, frozen=True):
    """`GET /status.json`."""

    status: Status
    sealing_keys: Organizations


class Admin:
    """The port's answers; `app` is the ASGI application."""

    def __init__(
        self, host: str, observer: Observer, listing: KeyListing, assets_folder: Path, log: Log
    ) -> None:
        self._host = f"[{host}]" if ":" in host else host
        self._hosts = frozenset({self._host, "localhost", "127.0.0.1", "[::1]"})
        self._observer = observer
        self._listing = listing
        self._log = log
        self._files = {name: _read(assets_folder / name) for name in _FILES}
        self.app = Starlette(
            routes=[
                Route("/", self._guarded(self._show_page), methods=["GET"]),
                Route("/status.json", self._guarded(self._show_json), methods=["GET"]),
                Route("/readyz", self._guarded(self._ready), methods=["GET"]),
                Route("/healthz", self._guarded(self._health), methods=["GET"]),
                Route("/metrics", self._guarded(self._metrics), methods=["GET"]),
                Route("/assets/{name}", self._guarded(self._file), methods=["GET"]),
                Route("/{rest:path}", self._guarded(self._nothing), methods=["GET"]),
            ],
            exception_handlers={405: self._wrong_method},
        )

    async def _show_page(self, request: Request) -> Response:
        only, after = _asked(request, "organization"), _asked(request, "after")
        found = self._listing.one(only) if only else self._listing.page(after)
        text = page(await self._observer.status(), found, only, after)
        return _answer(200, text.encode(), HTML, PAGE_POLICY)

    async def _show_json(self, request: Request) -> Response:
        only, after = _asked(request, "organization"), _asked(request, "after")
        found = self._listing.one(only) if only else self._listing.page(after)
        document = StatusDocument(await self._observer.status(), found)
        return _answer(200, msgspec.json.encode(document), JSON)

    async def _ready(self, _request: Request) -> Response:
        readiness = await self._observer.readiness()
        return _answer(200 if readiness.ready else 503, msgspec.json.encode(readiness), JSON)

    async def _health(self, _request: Request) -> Response:
        return _answer(200, b'{"status":"ok"}', JSON)

    async def _metrics(self, _request: Request) -> Response:
        return _answer(200, metrics_page(await self._observer.status()), PROMETHEUS)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            return await self._nothing(request)
        return _answer(200, self._files[name], _FILES[name])

    async def _nothing(self, _request: Request) -> Response:
        raise PageRefusedError(404, "not_found", "There is nothing here.", f"Ask for {', '.join(PAGES)}.")

    def _guarded(self, view: View) -> View:
        """Host and errors, around every view."""

        async def guarded(request: Request) -> Response:
            try:
                check_host(request, self._hosts, f"Use http://{self._host}:PORT.")
                return await view(request)
            except PageRefusedError as error:
                return _error(error)
            except (AlarmError, StorageError) as error:
                self._log("page_failed", error=type(error).__name__, page=view.__name__.strip("_"))
                return _error(
                    PageRefusedError(503, "unavailable", "vault.db cannot be read.", "Look into the log.")
                )
            except Exception as error:  # noqa: BLE001 - edge: a traceback could quote a request
                self._log("page_failed", error=type(error).__name__, page=view.__name__.strip("_"))
                return _error(PageRefusedError(500, "internal", "Something failed.", "Look into the log."))

        return guarded

    async def _wrong_method(self, _request: Request, _error_raised: Exception) -> Response:
        return _error(
            PageRefusedError(405, "wrong_method", "This port only tells.", "GET it; change by command.")
        )


def _asked(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()[:_ASKED_LIMIT_CHARS]


def _error(error: PageRefusedError) -> Response:
    content = {"error": {"code": error.code, "message": str(error), "hint": error.hint}}
    return _answer(error.status, msgspec.json.encode(content), JSON)


def _answer(status: int, content: bytes, media_type: str, policy: str = NOTHING_POLICY) -> Response:
    headers = {**dict(BASE_HEADERS), "content-security-policy": policy, "content-type": media_type}
    return Response(content, status, headers=headers)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise StartError(
            "assets_missing", f"the page for operators misses its {path.name}", "run `make web`"
        ) from error
