"""Management tokens: `sgt_` and 43 characters (256 random bits), stored as their SHA-256.

A token works for its organization, within its scopes, while it is neither revoked nor expired and who made it
is still an owner. Unknown, revoked and expired look alike from outside.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import User
from sealgate.console.accounts.services import SEEN_EVERY_S, hash_token
from sealgate.console.api.models import ManagementToken
from sealgate.console.applications.services import NotThereError
from sealgate.console.audit.services import Editing
from sealgate.console.forms import InputError, check_name
from sealgate.console.permissions import Permission, permits
from sealgate.ids import is_id, new_id

MOST_TOKENS = 50
LIFETIMES_DAYS: Final[Mapping[str, int | None]] = {"30": 30, "90": 90, "365": 365, "never": None}
"""What the page offers."""

_FORM = re.compile(r"sgt_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """One thing that a token may be good for."""

    READ = "read"
    WRITE = "write"
    KEYS = "keys"
    USAGE = "usage"
    ERASE = "erase"


SCOPES: Final[Mapping[Scope, str]] = {
    Scope.READ: "see applications, the record of changes and the status",
    Scope.WRITE: "make and change applications, their origins and session keys",
    Scope.KEYS: "take tickets to deposit provider keys; switch and revoke keys",
    Scope.USAGE: "see usage",
    Scope.ERASE: "erase credentials, applications and the organization for good",
}
"""What each scope is good for, as the second half of a sentence that begins with “May”."""


class Holder(Struct, frozen=True):
    """Whose token a request showed."""

    token: str
    name: str
    organization: str
    user: str
    scopes: frozenset[Scope]


async def make_token(
    edit: Editing, name: str, scopes: Sequence[str], lifetime_days: int | None
) -> tuple[ManagementToken, str]:
    """A token and its text, which is nowhere else; raises `InputError`."""
    assert edit.user is not None
    live = [each for each, _who in await list_tokens(edit.tx, edit.organization) if works(each, edit.now_s)]
    named = check_name("name", name, "A token")
    if any(each.name.lower() == named.lower() for each in live):
        raise InputError("name", f"There is a token named {named!r} already.", "Choose another name.")
    if len(live) >= MOST_TOKENS:
        raise InputError("name", f"An organization has at most {MOST_TOKENS} tokens.", "Revoke one first.")
    text = f"sgt_{secrets.token_urlsafe(32)}"
    token = ManagementToken(
        id=new_id("tok"),
        organization_id=edit.organization,
        token_hash=hash_token(text),
        name=named,
        scopes=" ".join(_checked(scopes)),
        created_by=edit.user,
        created_at=edit.now_s,
        last_used_at=None,
        expires_at=None if lifetime_days is None else edit.now_s + lifetime_days * 86_400.0,
        revoked_at=None,
    )
    edit.tx.add(token)
    await edit.record("token.made", f"{named} ({token.scopes.replace(' ', ', ')})")
    return token, text


async def revoke_token(edit: Editing, token_id: str) -> None:
    """Stop it at once; raises `NotThereError`."""
    token = await edit.tx.get(ManagementToken, token_id) if is_id("tok", token_id) else None
    if token is None or token.organization_id != edit.organization:
        raise NotThereError
    if token.revoked_at is None:
        token.revoked_at = edit.now_s
        await edit.record("token.revoked", token.name)


async def list_tokens(tx: AsyncSession, organization: str) -> Sequence[tuple[ManagementToken, str]]:
    """Every token with the name of who made it; those that are not revoked first, then the newest."""
    rows = await tx.execute(
        select(ManagementToken, User.name)
        .join(User, User.id == ManagementToken.created_by)
        .where(ManagementToken.organization_id == organization)
        .order_by(ManagementToken.revoked_at.is_not(None), ManagementToken.created_at.desc())
    )
    return [(token, name) for token, name in rows]


def works(token: ManagementToken, now_s: float) -> bool:
    """True if it is neither revoked nor expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now_s)


def standing(token: ManagementToken, now_s: float) -> str:
    """`works`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "works" if works(token, now_s) else "expired"


def parse_lifetime(text: str) -> int | None:
    """Days, `None` for ever, from what the page offers; raises `InputError`."""
    if text not in LIFETIMES_DAYS:
        raise InputError("lifetime", f"{text[:20]!r} is not on the list.", "Choose from the list.")
    return LIFETIMES_DAYS[text]


async def find_holder(tx: AsyncSession, text: str, now_s: float) -> tuple[Holder, bool] | None:
    """Whose token this is, and whether its use should be written down; `None` if it does not work."""
    if not _FORM.fullmatch(text):
        return None
    row = (
        await tx.execute(
            select(ManagementToken, User)
            .join(User, User.id == ManagementToken.created_by)
            .where(ManagementToken.token_hash == hash_token(text))
        )
    ).one_or_none()
    if row is None:
        return None
    token, maker = row
    may = maker.organization_id == token.organization_id and permits(maker.role, Permission.CHANGE_TOKENS)
    if not works(token, now_s) or not may or maker.removed_at is not None:
        return None
    holder = Holder(
        token=token.id,
        name=token.name,
        organization=token.organization_id,
        user=maker.id,
        scopes=frozenset(Scope(each) for each in token.scopes.split()),
    )
    return holder, token.last_used_at is None or now_s - token.last_used_at > SEEN_EVERY_S


async def note_used(tx: AsyncSession, token_id: str, now_s: float) -> None:
    """Write down that a token was used."""
    await tx.execute(update(ManagementToken).where(ManagementToken.id == token_id).values(last_used_at=now_s))


def _checked(scopes: Sequence[str]) -> Sequence[str]:
    known = [scope.value for scope in Scope]
    for scope in scopes:
        if scope not in known:
            raise InputError("scope", f"There is no scope {scope[:20]!r}.", "Choose from the list.")
    if not scopes:
        raise InputError("scope", "This token could do nothing.", "Choose at least one thing that it may do.")
    return [scope for scope in known if scope in scopes]
