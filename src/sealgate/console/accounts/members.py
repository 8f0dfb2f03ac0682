"""The people of an organization: who they are, who is invited, their roles, and where they are signed in.

An organization always keeps an owner. What somebody may do ends with the request after it was taken away,
and the links that they had made for others end with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import ColumnElement

from sealgate.console.accounts.models import Invitation, SignIn, User
from sealgate.console.accounts.services import IDLE_S, LONGEST_SIGN_IN_S, new_invitation
from sealgate.console.applications.services import NotThereError
from sealgate.console.audit.services import Editing, chain_end
from sealgate.console.forms import InputError
from sealgate.console.permissions import Role

MOST_INVITATIONS = 50


class Member(Struct, frozen=True):
    """One person, and in how many browsers they are signed in."""

    user: User
    browsers: int
    last_seen_at: float | None


class OpenInvitation(Struct, frozen=True):
    """A link that nobody has used yet."""

    invitation: Invitation
    invited_by: str | None


async def list_members(tx: AsyncSession, organization: str, now_s: float) -> Sequence[Member]:
    """Everybody who can sign in, by name."""
    rows = await tx.execute(
        select(User, func.count(SignIn.token_hash), func.max(SignIn.last_seen_at))
        .outerjoin(SignIn, (SignIn.user_id == User.id) & _live(now_s))
        .where(User.organization_id == organization, User.removed_at.is_(None))
        .group_by(User.id)
        .order_by(func.lower(User.name), User.id)
    )
    return [Member(user, browsers, last_seen_at) for user, browsers, last_seen_at in rows]


async def list_invitations(tx: AsyncSession, organization: str, now_s: float) -> Sequence[OpenInvitation]:
    """Links that still work, newest first."""
    rows = await tx.execute(
        select(Invitation, User.name)
        .outerjoin(User, User.id == Invitation.created_by)
        .where(
            Invitation.organization_id == organization,
            Invitation.accepted_at.is_(None),
            Invitation.expires_at > now_s,
        )
        .order_by(Invitation.created_at.desc(), Invitation.id)
    )
    return [OpenInvitation(invitation, name) for invitation, name in rows]


async def list_sign_ins(tx: AsyncSession, user: str, now_s: float) -> Sequence[SignIn]:
    """Where one person is signed in, last used first."""
    rows = await tx.scalars(
        select(SignIn).where(SignIn.user_id == user, _live(now_s)).order_by(SignIn.last_seen_at.desc())
    )
    return rows.all()


def parse_role(text: str) -> Role:
    """The role of a form's field `role`; raises `InputError`."""
    try:
        return Role(text)
    except ValueError:
        raise InputError("role", f"There is no role {text[:40]!r}.", "Choose owner or member.") from None


async def invite(edit: Editing, role: Role) -> str:
    """A fresh single-use token that makes somebody an owner or a member."""
    if len(await list_invitations(edit.tx, edit.organization, edit.now_s)) >= MOST_INVITATIONS:
        raise InputError("role", f"There are {MOST_INVITATIONS} open invitations.", "Withdraw one first.")
    token = new_invitation(edit.tx, edit.organization, role, edit.now_s, edit.user)
    await edit.record("member.invited", role.value)
    return token


async def withdraw_invitation(edit: Editing, invitation_id: str) -> None:
    """Make a link worthless."""
    invitation = await edit.tx.get(Invitation, invitation_id)
    if invitation is None or invitation.organization_id != edit.organization or invitation.accepted_at:
        raise NotThereError
    await edit.tx.delete(invitation)
    await edit.record("invitation.withdrawn", invitation.role)


async def change_role(edit: Editing, user_id: str, role: Role) -> None:
    """Make somebody an owner or a member; raises `InputError` for the last owner."""
    user = await find_member(edit.tx, edit.organization, user_id)
    if user.role == role:
        return
    await _keep_an_owner(edit, user)
    user.role = role.value
    user.notices_read_to = (await chain_end(edit.tx)).position
    await _end_their_invitations(edit, user)
    await edit.record("member.role-changed", f"{user.name}: {role.value}")


async def remove_member(edit: Editing, user_id: str) -> None:
    """Take somebody out: sign-ins end, e-mail and password go; id and name stay for the record of changes."""
    user = await find_member(edit.tx, edit.organization, user_id)
    await _keep_an_owner(edit, user)
    await edit.tx.execute(delete(SignIn).where(SignIn.user_id == user.id))
    await _end_their_invitations(edit, user)
    user.removed_at, user.password_hash, user.email = edit.now_s, "", f"removed:{user.id}"
    await edit.record("member.removed", user.name)


async def sign_out_everywhere(edit: Editing, user_id: str) -> None:
    """End every sign-in of one person."""
    user = await find_member(edit.tx, edit.organization, user_id)
    await edit.tx.execute(delete(SignIn).where(SignIn.user_id == user.id))
    await edit.record("member.signed-out", user.name)


async def find_member(tx: AsyncSession, organization: str, user_id: str) -> User:
    """One person of the organization; raises `NotThereError`."""
    user = await tx.get(User, user_id)
    if user is None or user.organization_id != organization or user.removed_at is not None:
        raise NotThereError
    return user


async def _keep_an_owner(edit: Editing, user: User) -> None:
    if user.role != Role.OWNER:
        return
    owners = select(func.count()).where(
        User.organization_id == edit.organization, User.role == Role.OWNER, User.removed_at.is_(None)
    )
    if (await edit.tx.scalar(owners) or 0) <= 1:
        raise InputError("user", f"{user.name} is the last owner.", "Make somebody else an owner first.")


async def _end_their_invitations(edit: Editing, user: User) -> None:
    """Else whoever is taken out could come back by a link of their own."""
    await edit.tx.execute(
        delete(Invitation).where(Invitation.created_by == user.id, Invitation.accepted_at.is_(None))
    )


def _live(now_s: float) -> ColumnElement[bool]:
    return (SignIn.last_seen_at >= now_s - IDLE_S) & (SignIn.created_at >= now_s - LONGEST_SIGN_IN_S)
