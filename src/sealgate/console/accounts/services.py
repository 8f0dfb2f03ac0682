"""Invitations, users and sign-ins. Tokens are 256 random bits, stored as their SHA-256.

Failures look alike: an unknown e-mail and a wrong password, an unknown, a used and an expired invitation.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from msgspec import Struct
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sealgate.console.accounts.models import Invitation, Organization, SignIn, User
from sealgate.console.audit.services import Editing, chain_end
from sealgate.console.forms import InputError, check_name
from sealgate.console.notices.services import count_unread
from sealgate.console.permissions import Role
from sealgate.ids import new_id

INVITATION_LIFETIME_S = 24 * 3600.0
IDLE_S = 12 * 3600.0
LONGEST_SIGN_IN_S = 7 * 24 * 3600.0
CONFIRMED_FOR_S = 10 * 60.0
SEEN_EVERY_S = 60.0
"""How often a sign-in's last use is written down."""

_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL = r"[^\W_](?:[^\W_]|-){0,62}(?<!-)"
_EMAIL = re.compile(rf"(?=.{{1,64}}@)(?!.*=\?){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
"""One address to every header and mail server (RFC 5321, 6531): nothing quoted, commented or encoded."""


class Account(Struct, frozen=True):
    """Who is signed in, as pages need it."""

    user: str
    name: str
    role: str
    organization: str
    organization_name: str
    confirmed_at: float
    token_hash: bytes
    unread: int = 0
    """Notices that an owner has not read."""

    def confirmed(self, now_s: float) -> bool:
        """True if the password was typed within ten minutes."""
        return now_s - self.confirmed_at <= CONFIRMED_FOR_S


class Invited(Struct, frozen=True):
    """What an open invitation offers. `founding`: nobody belongs to the organization yet."""

    organization_name: str
    role: str
    founding: bool


def hash_token(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


async def invite_owner(tx: AsyncSession, now_s: float) -> str:
    """A fresh single-use token that makes an owner; makes the organization if there is none."""
    there = select(Organization).where(Organization.erased_at.is_(None))  # one that was erased takes no key
    organization = await tx.scalar(there.order_by(Organization.created_at).limit(1))
    if organization is None:
        organization = Organization(id=new_id("org"), name="My organization", created_at=now_s)
        tx.add(organization)
        await tx.flush()
    token = new_invitation(tx, organization.id, Role.OWNER, now_s, created_by=None)
    await Editing(tx, organization.id, None, now_s).record("member.invited", Role.OWNER.value)
    return token


def new_invitation(
    tx: AsyncSession, organization: str, role: Role, now_s: float, created_by: str | None
) -> str:
    """A fresh single-use token, good for 24 hours; only its hash is stored."""
    token = secrets.token_urlsafe(32)
    tx.add(
        Invitation(
            id=new_id("inv"),
            token_hash=hash_token(token),
            organization_id=organization,
            role=role.value,
            created_at=now_s,
            expires_at=now_s + INVITATION_LIFETIME_S,
            accepted_at=None,
            created_by=created_by,
        )
    )
    return token


async def find_invitation(tx: AsyncSession, token: str, now_s: float) -> Invited | None:
    """What the token offers; `None` if it is unknown, used or expired."""
    invitation = await _open_invitation(tx, token, now_s)
    if invitation is None:
        return None
    organization = await tx.get_one(Organization, invitation.organization_id)
    members = await tx.scalar(select(func.count()).where(User.organization_id == organization.id))
    return Invited(organization.name, invitation.role, founding=members == 0)


async def accept_invitation(
    tx: AsyncSession,
    token: str,
    *,
    organization: str,
    name: str,
    email: str,
    password_hash: str,
    now_s: float,
) -> User | None:
    """Use the token up and make its user; `None` if it is unknown, used or expired by now."""
    invitation = await _open_invitation(tx, token, now_s)
    if invitation is None:
        return None
    if await tx.scalar(select(User.id).where(User.email == email)):
        raise InputError("email", "Somebody signs in with this e-mail already.", "Use another, or sign in.")
    members = await tx.scalar(select(func.count()).where(User.organization_id == invitation.organization_id))
    if members == 0:
        (await tx.get_one(Organization, invitation.organization_id)).name = organization
    user = new_user(
        invitation.organization_id,
        Role(invitation.role),
        name=name,
        email=email,
        password_hash=password_hash,
        now_s=now_s,
    )
    if members:
        user.notices_read_to = (await chain_end(tx)).position  # what was before is no news to who joins
    tx.add(user)
    invitation.accepted_at = now_s
    await tx.flush()
    await Editing(tx, user.organization_id, user.id, now_s).record("account.joined")
    return user


def new_user(
    organization: str, role: Role, *, name: str, email: str, password_hash: str, now_s: float
) -> User:
    """A user, not yet stored."""
    return User(
        id=new_id("usr"),
        organization_id=organization,
        role=role.value,
        name=name,
        email=email,
        password_hash=password_hash,
        created_at=now_s,
    )


async def find_user(tx: AsyncSession, email: str) -> User | None:
    """The user with this normal e-mail; somebody who was removed is not found."""
    found = await tx.scalars(select(User).where(User.email == email, User.removed_at.is_(None)))
    return found.one_or_none()


async def start_sign_in(tx: AsyncSession, user: str, now_s: float, replaces: str | None = None) -> str:
    """Sign a browser in: a fresh token every time, and the one that it had before is worth nothing."""
    if replaces:
        await end_sign_in(tx, replaces)
    await tx.execute(
        delete(SignIn).where(
            (SignIn.last_seen_at < now_s - IDLE_S) | (SignIn.created_at < now_s - LONGEST_SIGN_IN_S)
        )
    )
    token = secrets.token_urlsafe(32)
    tx.add(
        SignIn(
            token_hash=hash_token(token),
            user_id=user,
            created_at=now_s,
            last_seen_at=now_s,
            confirmed_at=now_s,
        )
    )
    return token


async def end_sign_in(tx: AsyncSession, token: str) -> None:
    """Sign this browser out."""
    await tx.execute(delete(SignIn).where(SignIn.token_hash == hash_token(token)))


async def recognize(tx: AsyncSession, token: str, now_s: float) -> tuple[Account, bool] | None:
    """Who this token signs in, and whether its last use should be written down; `None`: nobody."""
    row = (
        await tx.execute(
            select(SignIn, User, Organization)
            .join(User, User.id == SignIn.user_id)
            .join(Organization, Organization.id == User.organization_id)
            .where(SignIn.token_hash == hash_token(token), User.removed_at.is_(None))
        )
    ).one_or_none()
    if row is None:
        return None
    sign_in, user, organization = row
    if sign_in.last_seen_at < now_s - IDLE_S or sign_in.created_at < now_s - LONGEST_SIGN_IN_S:
        return None
    account = Account(
        user=user.id,
        name=user.name,
        role=user.role,
        organization=organization.id,
        organization_name=organization.name,
        confirmed_at=sign_in.confirmed_at,
        token_hash=sign_in.token_hash,
        unread=await _unread(tx, user),
    )
    return account, now_s - sign_in.last_seen_at > SEEN_EVERY_S


async def _unread(tx: AsyncSession, user: User) -> int:
    if user.role != Role.OWNER:
        return 0
    return await count_unread(tx, user.organization_id, user.notices_read_to)


async def note_seen(tx: AsyncSession, token_hash: bytes, now_s: float) -> None:
    """Write down that a sign-in was used."""
    await tx.execute(update(SignIn).where(SignIn.token_hash == token_hash).values(last_seen_at=now_s))


async def note_confirmed(tx: AsyncSession, token_hash: bytes, now_s: float) -> None:
    """Write down that the password was typed anew."""
    await tx.execute(update(SignIn).where(SignIn.token_hash == token_hash).values(confirmed_at=now_s))


def normal_email(text: str) -> str:
    """An e-mail as it is stored and compared; raises `InputError`."""
    email = text.strip().casefold()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InputError("email", "This is not an e-mail address.", "Type one such as ada@example.com.")
    return email


def check_person(name: str) -> str:
    """A person's name; raises `InputError`."""
    return check_name("name", name, "A person")


async def _open_invitation(tx: AsyncSession, token: str, now_s: float) -> Invitation | None:
    found = await tx.scalars(
        select(Invitation).where(
            Invitation.token_hash == hash_token(token),
            Invitation.accepted_at.is_(None),
            Invitation.expires_at > now_s,
        )
    )
    return found.one_or_none()
