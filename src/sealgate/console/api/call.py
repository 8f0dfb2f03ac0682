"""One request of a program: whose token it is, what it asks for, and the ways to answer.

Counterpart: `door`, which makes one after the token, the scope and the sizes were checked. Cookies are never
looked at here, so no browser can be made to act.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from sealgate.console.api.errors import ApiError
from sealgate.console.api.likeness import hint_for, known_fields
from sealgate.console.api.tokens import Holder
from sealgate.console.audit.services import Editing
from sealgate.console.composition import Console
from sealgate.policy.bodies import JSON

Body = TypeVar("Body", bound=Struct)

_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `([^`]*)`")


class Reply(Struct, frozen=True):
    """What goes back. `status` 0 is the way's own."""

    body: Struct
    status: int = 0
    headers: Mapping[str, str] = {}


class _PlannedOnly(Exception):  # noqa: N818 - not a fault: it ends a transaction that only asked
    pass


class Call:
    """One request."""

    def __init__(
        self, console: Console, request: Request, holder: Holder, body: dict[str, JSON] | None
    ) -> None:
        self.console = console
        self.request = request
        self.holder = holder
        self._body = body

    @property
    def organization(self) -> str:
        """The token's organization: nothing else can be seen or changed."""
        return self.holder.organization

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """A query parameter, or empty."""
        return self.request.query_params.get(name, "")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from the query; raises `ApiError`."""
        text = self.query(name)
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 19 and least <= int(text) <= most):
            raise ApiError(
                "malformed",
                f"{name} is {text[:40]!r}.",
                f"Use a whole number from {least} to {most}.",
                f"query.{name}",
            )
        return int(text)

    def flag(self, name: str) -> bool:
        """`true` or `false` from the query; raises `ApiError`."""
        text = self.query(name)
        if text not in {"", "true", "false"}:
            raise ApiError("malformed", f"{name} is {text[:40]!r}.", "Use true or false.", f"query.{name}")
        return text == "true"

    def wanted(self, form: type[Body]) -> Body:
        """The body as this struct; raises `ApiError` naming the field."""
        try:
            return msgspec.convert(self._body, form)
        except msgspec.ValidationError as error:
            raise invalid_body(str(error), form) from None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One consistent view of the database."""
        async with self.console.database.reading() as tx:
            yield tx

    @asynccontextmanager
    async def editing(self, *, plan: bool = False) -> AsyncIterator[Editing]:
        """One transaction in the name of the token; with `plan` it is undone at its end."""
        try:
            async with self.console.database.writing() as tx:
                if plan:
                    tx.info.clear()  # what is undone must not reach the head beside the database
                yield Editing(
                    tx, self.organization, self.holder.user, self.console.now(), token=self.holder.token
                )
                if plan:
                    raise _PlannedOnly
        except _PlannedOnly:
            return


def invalid_body(text: str, form: type[Struct]) -> ApiError:
    """The error for a body that msgspec refused, with the path that its message ends in."""
    found = _PLACE.search(text)
    place = found[1] if found else ""
    message = _PLACE.sub("", text)
    unknown, missing = _UNKNOWN.search(message), _MISSING.search(message)
    hint = "See the API's document for what belongs there."
    if unknown:
        message, hint = f"Unknown field {unknown[1]!r}", hint_for(unknown[1], known_fields(form, place))
    named = unknown or missing
    if named:
        place = f"{place}.{named[1]}" if place else named[1]
    return ApiError("invalid", f"{message}.", hint, place)


def moment(at: float) -> datetime.datetime:
    """Unix seconds as a moment in UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


def moment_or_none(at: float | None) -> datetime.datetime | None:
    """The same, where there may be none."""
    return None if at is None else moment(at)
