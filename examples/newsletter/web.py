"""Larkspur's web application: its routes, its headers, and how it starts.

Its counterpart is a customer's own application. `assistant_session.py` is the part to copy; the rest is
scenery.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from sealgate.session import SessionSigner

from .assistant_session import token_endpoint
from .config import NewsletterConfig
from .drafts import MOST_BLOCKS, MOST_LETTERS, Draft, DraftShelf
from .headers import HostNames, SafeHeaders
from .people import PEOPLE, Door, NotAllowed, Person, SignIn, person_of

_HERE: Final = Path(__file__).parent
_MOST_FORM_BYTES: Final = 4 * MOST_BLOCKS * MOST_LETTERS
_MOST_FORM_FIELDS: Final = 100

Form = list[tuple[str, str]]


def create_app(config: NewsletterConfig) -> Starlette:
    """Build the application; reads the signing key, opens nothing else."""
    door = Door(config.public_url)
    signer = SessionSigner(config.application, config.instance, config.signing_key())
    pages = Pages(config, door, DraftShelf())
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/sign-in", pages.sign_in_page, methods=["GET"]),
            Route("/sign-in", pages.sign_in, methods=["POST"]),
            Route("/sign-out", pages.sign_out, methods=["POST"]),
            Route("/drafts", pages.begin, methods=["POST"]),
            Route("/drafts/{draft_id}", pages.editor, methods=["GET"]),
            Route("/drafts/{draft_id}", pages.save, methods=["POST"]),
            Route("/assistant/session", token_endpoint(signer, door, config.public_url), methods=["POST"]),
            Route("/healthz", _healthy),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[
            Middleware(SafeHeaders, proxy_url=config.proxy_url),
            Middleware(HostNames, hosts=config.hosts, public_url=config.public_url),
        ],
        exception_handlers={NotAllowed: pages.not_allowed, 404: pages.not_found},
    )


class Pages:
    """The pages that people see."""

    def __init__(self, config: NewsletterConfig, door: Door, shelf: DraftShelf) -> None:
        self._config = config
        self._door = door
        self._shelf = shelf
        self._templates = Jinja2Templates(directory=_HERE / "templates")

    async def home(self, request: Request) -> Response:
        """Go where work was left."""
        sign_in = self._door.current(request)
        if sign_in is None:
            return RedirectResponse("/sign-in", 303)
        return RedirectResponse(f"/drafts/{self._shelf.all_of(sign_in.person)[0].id}", 303)

    async def sign_in_page(self, request: Request) -> Response:
        """Show who may sign in."""
        return self._templates.TemplateResponse(request, "sign_in.html", {"people": PEOPLE})

    async def sign_in(self, request: Request) -> Response:
        """Sign one of the demo people in; the origin check keeps other sites from doing it."""
        self._door.check_origin(request)
        wanted = dict(await _read_form(request)).get("person")
        person = next((one for one in PEOPLE if one.id == wanted), None)
        if person is None:
            raise NotAllowed(400, "person", "Nobody here has that name. Choose one of the two people.")
        response = RedirectResponse("/", 303)
        self._door.sign_in(person, response)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Sign out and show the way back in."""
        await self._meant(request)
        response = RedirectResponse("/sign-in", 303)
        self._door.sign_out(response)
        return response

    async def begin(self, request: Request) -> Response:
        """Begin a new draft."""
        sign_in, _ = await self._meant(request)
        draft = self._shelf.begin(sign_in.person)
        if draft is None:
            raise NotAllowed(409, "shelf_full", "The shelf is full. Finish a draft before you begin another.")
        return RedirectResponse(f"/drafts/{draft.id}", 303)

    async def editor(self, request: Request) -> Response:
        """Show one draft, ready to write."""
        sign_in = self._door.current(request)
        if sign_in is None:
            return RedirectResponse("/sign-in", 303)
        return self._show(request, sign_in, person_of(sign_in), self._draft(request, sign_in))

    async def save(self, request: Request) -> Response:
        """Keep what was written; the same form also adds and removes paragraphs."""
        sign_in, form = await self._meant(request)
        draft = self._draft(request, sign_in)
        fields = dict(form)
        blocks = _rearranged([value for name, value in form if name == "block"], fields.get("do", "save"))
        saved = self._shelf.save(sign_in.person, draft, fields, blocks)
        if request.headers.get("accept") == "application/json":
            return JSONResponse({"saved_clock": saved.saved_clock})
        return RedirectResponse(f"/drafts/{draft.id}", 303)

    async def not_allowed(self, request: Request, error: Exception) -> Response:
        """Say why a request was not served: JSON for scripts, a page for people."""
        assert isinstance(error, NotAllowed)
        if request.url.path.startswith("/assistant/") or request.headers.get("accept") == "application/json":
            body = {"error": {"code": error.code, "message": str(error)}}
            return JSONResponse(body, error.status, headers={"cache-control": "no-store"})
        context = {"title": "That did not work", "message": str(error)}
        return self._templates.TemplateResponse(request, "message.html", context, status_code=error.status)

    async def not_found(self, request: Request, _: Exception) -> Response:
        """Say that there is no such page."""
        context = {"title": "Nothing here", "message": "This page does not exist, or it is somebody else's."}
        return self._templates.TemplateResponse(request, "message.html", context, status_code=404)

    async def _meant(self, request: Request) -> tuple[SignIn, Form]:
        """Read a form that the signed-in person really sent."""
        sign_in = self._door.required(request)
        form = await _read_form(request)
        self._door.check_csrf(request, sign_in, dict(form).get("csrf"))
        return sign_in, form

    def _draft(self, request: Request, sign_in: SignIn) -> Draft:
        draft = self._shelf.get(sign_in.person, request.path_params["draft_id"])
        if draft is None:
            raise NotAllowed(404, "draft", "There is no such draft on your shelf.")
        return draft

    def _show(self, request: Request, sign_in: SignIn, person: Person, draft: Draft) -> Response:
        context = {
            "person": person,
            "draft": draft,
            "drafts": self._shelf.all_of(person.id),
            "csrf": self._door.csrf_token(sign_in),
            "proxy_url": self._config.proxy_url,
            "most_letters": MOST_LETTERS,
            "full": len(draft.blocks) >= MOST_BLOCKS,
        }
        return self._templates.TemplateResponse(request, "editor.html", context)


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _read_form(request: Request) -> Form:
    """Read a URL-encoded form of bounded size; raises `NotAllowed`."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            raise NotAllowed(
                413, "too_large", "That is too long for one newsletter. Shorten it and try again."
            )
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FORM_FIELDS
        )
    except ValueError as error:
        raise NotAllowed(400, "form", "The form could not be read. Reload the page and try again.") from error


def _rearranged(blocks: list[str], do: str) -> list[str]:
    """Play the button that was pressed: `add`, `remove-N`, or anything else for none."""
    if do == "add":
        return [*blocks, ""]
    number = do.removeprefix("remove-")
    if do.startswith("remove-") and number.isdecimal() and len(blocks) > 1:
        return [block for index, block in enumerate(blocks) if index != int(number)]
    return blocks


def run(config: NewsletterConfig) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    uvicorn.run(
        create_app(config),
        host=config.listen_host,
        port=config.listen_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )


def main() -> None:
    """Start from the command line."""
    parser = argparse.ArgumentParser(prog="newsletter", description="Larkspur, a demo host application.")
    parser.add_argument("--config", type=Path, required=True, help="a JSON file; the README lists its fields")
    run(NewsletterConfig.load(parser.parse_args().config))
