"""One request as a page sees it: who is there, what they typed, and the ways to answer.

Counterpart: `routes`, which makes one for every request after permission and form token were checked.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sealgate.console.accounts.services import Account
from sealgate.console.audit.services import Editing
from sealgate.console.composition import Console
from sealgate.console.forms import Form, InputError
from sealgate.console.pages import NOTICES
from sealgate.console.permissions import Permission, permits

SIGN_IN_COOKIE = "__Host-sealgate-console"
VISITOR_COOKIE = "__Host-sealgate-visitor"
FORM_TOKEN = "form_token"  # noqa: S105  (the name of a field)

View = Callable[["Visit"], Awaitable[Response]]


class Visit:
    """One request."""

    def __init__(self, console: Console, request: Request, account: Account | None, form: Form) -> None:
        self.console = console
        self.request = request
        self.form = form
        self._account = account
        self._new_visitor = ""

    @property
    def account(self) -> Account:
        """Who is signed in; pages that need it are behind a permission."""
        assert self._account is not None
        return self._account

    @property
    def signed_in(self) -> bool:
        """True if somebody is."""
        return self._account is not None

    @property
    def now_s(self) -> float:
        """Unix seconds."""
        return self.console.now()

    @property
    def address(self) -> str:
        """Where the request comes from, for throttles alone: never to be stored or logged."""
        client = self.request.client
        return client.host if client else ""

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def page_number(self) -> int:
        """The query's `page`, from 1; what is no such number is 1."""
        number = self.request.query_params.get("page", "1")
        return int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 1

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One consistent view of the database."""
        async with self.console.database.reading() as tx:
            yield tx

    @asynccontextmanager
    async def editing(self) -> AsyncIterator[Editing]:
        """One transaction in the name of who is signed in."""
        async with self.console.database.writing() as tx:
            yield Editing(tx, self.account.organization, self.account.user, self.now_s)

    def render(
        self, template: str, *, status: int = 200, problem: InputError | None = None, **values: object
    ) -> Response:
        """A page; with a `problem` it is the form again, as typed, with what is wrong."""
        page = self.console.pages.render(
            template,
            {
                **values,
                "account": self._account,
                "may": lambda name: (
                    self._account is not None and permits(self._account.role, Permission(name))
                ),
                "form": self.form,
                "form_token": self.form_token(),
                "here": self.request.url.path,
                "notice": NOTICES.get(self.request.query_params.get("notice", "")),
                "problem": problem,
            },
        )
        response = HTMLResponse(page, status_code=422 if problem else status)
        if self._new_visitor:
            set_cookie(response, VISITOR_COOKIE, self._new_visitor)
        return response

    def go(self, path: str, notice: str = "") -> Response:
        """See another page, which says what was done."""
        return RedirectResponse(f"{path}?notice={notice}" if notice else path, status_code=303)

    def form_token(self) -> str:
        """The token that every form of this page carries, bound to a cookie that scripts cannot read."""
        secret = self.request.cookies.get(SIGN_IN_COOKIE if self.signed_in else VISITOR_COOKIE, "")
        if not secret:
            self._new_visitor = self._new_visitor or secrets.token_urlsafe(32)
            secret = self._new_visitor
        return hmac.digest(secret.encode(), b"sealgate console form", hashlib.sha256).hex()

    def form_token_fits(self) -> bool:
        """True if the posted form was drawn for this browser."""
        cookie = SIGN_IN_COOKIE if self.signed_in else VISITOR_COOKIE
        if not self.request.cookies.get(cookie):
            return False
        return hmac.compare_digest(self.form.text(FORM_TOKEN).encode(), self.form_token().encode())


def set_cookie(response: Response, name: str, value: str) -> None:
    """Set a cookie that no script reads and that goes to this host alone, until the browser closes."""
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def local_path(text: str) -> str:
    """The text if it is a path of our own to go to after signing in, else the front page."""
    safe = (
        text.startswith("/")
        and not any(odd in text for odd in ("//", "\\", "/."))
        and text.isascii()
        and text.isprintable()
    )
    return text if safe else "/"
