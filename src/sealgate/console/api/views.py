"""The page of management tokens: who has which, making one, revoking one.

A token's text is shown once, in the answer to the form that made it, and stands nowhere else.
"""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.api import tokens
from sealgate.console.forms import InputError
from sealgate.console.visit import Visit


async def index(visit: Visit, problem: InputError | None = None, made: str = "") -> Response:
    """Every token, and the form for another."""
    async with visit.reading() as tx:
        rows = await tokens.list_tokens(tx, visit.account.organization)
    return visit.render(
        "tokens.html",
        problem=problem,
        rows=[(token, who, tokens.standing(token, visit.now_s)) for token, who in rows],
        scopes=tokens.SCOPES,
        lifetimes=tokens.LIFETIMES_DAYS,
        made=made,
    )


async def make(visit: Visit) -> Response:
    """Fields: `name`, `scope` (once for each), `lifetime`. Shows the token, this once."""
    try:
        lifetime_days = tokens.parse_lifetime(visit.form.text("lifetime"))
        async with visit.editing() as edit:
            _token, text = await tokens.make_token(
                edit, visit.form.text("name"), visit.form.texts("scope"), lifetime_days
            )
    except InputError as problem:
        return await index(visit, problem)
    return await index(visit, made=text)


async def revoke(visit: Visit) -> Response:
    """Field: `token` (its id)."""
    async with visit.editing() as edit:
        await tokens.revoke_token(edit, visit.form.text("token"))
    return visit.go("/tokens", "token-revoked")
