"""A program that uses the management API: no cookies, no origin, one token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from sqlalchemy import select
from starlette.applications import Starlette

from sealgate.console.accounts.models import User
from sealgate.console.api.tokens import Scope, make_token
from sealgate.console.audit.services import Editing
from sealgate.console.database import Database
from tests.console.running import URL, Running

ALL = tuple(scope.value for scope in Scope)
API = "/api/v1"


class Program:
    """Sends what it is told and keeps nothing."""

    def __init__(self, site: Starlette, token: str = "", address: str = "127.7.2.2") -> None:
        self.token = token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=site, client=(address, 5000)), base_url=URL, headers=headers
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """GET below the API's root."""
        return await self.client.get(API + path, headers=_named(headers))

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Any method, with a JSON body."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", **_named(headers)}
        return await self.client.request(method, API + path, content=content, headers=sent)

    async def put(self, path: str, body: object, **headers: str) -> httpx.Response:
        """PUT JSON."""
        return await self.send("PUT", path, body, **headers)

    async def newsletter(self, **changes: Any) -> dict[str, Any]:
        """An application with the external name `newsletter`."""
        answer = await self.put("/applications/newsletter", {"name": "Larkspur", **changes})
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def token_of(
    world: Running,
    email: str = "ada@example.com",
    scopes: Sequence[str] = ALL,
    name: str = "deploy",
    lifetime_days: int | None = None,
) -> str:
    """A token made by this user, through the service that the page uses."""
    async with world.console.database.reading() as tx:
        user = (await tx.scalars(select(User).where(User.email == email))).one()
    return await mint(
        world.console.database, user.organization_id, user.id, world.clock(), scopes, name, lifetime_days
    )


async def mint(
    database: Database,
    organization: str,
    user: str,
    now_s: float,
    scopes: Sequence[str],
    name: str = "deploy",
    lifetime_days: int | None = None,
) -> str:
    """A token in the name of this user."""
    async with database.writing() as tx:
        edit = Editing(tx, organization, user, now_s)
        _token, text = await make_token(edit, name, scopes, lifetime_days)
    return text


def code(answer: httpx.Response) -> str:
    """The stable code of an error."""
    error: Mapping[str, str] = answer.json()["error"]
    assert error["message"]
    assert error["hint"] is not None
    return error["code"]


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
