"""Tables of people: organizations, users, invitations, sign-ins.

Passwords are argon2id hashes; invitation and sign-in tokens are stored as SHA-256 of 256 random bits.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base

RETENTION_DAYS: Final = 365
"""How long usage is kept unless an organization chooses otherwise."""


class Organization(Base):
    """A customer: everything else belongs to exactly one."""

    __tablename__ = "organizations"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[float]
    retention_days: Mapped[int] = mapped_column(default=RETENTION_DAYS, server_default=str(RETENTION_DAYS))
    """Usage that is older is deleted daily; 0 keeps it."""
    retention_ran_at: Mapped[float | None]
    retention_deleted: Mapped[int | None]
    """How many rows of usage the last run deleted."""
    budgets: Mapped[bytes | None] = mapped_column(LargeBinary)
    """msgpack of `sealgate.policy.budgets.Budget` rows: what all applications may use together."""
    erased_at: Mapped[float | None]
    """Since when the vault takes no key for it any more; its people still see the receipts."""


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    role: Mapped[str]
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[float]
    removed_at: Mapped[float | None]
    """A removed person keeps id and name, so that the record of changes can be read; nothing else."""
    notices_read_to: Mapped[int] = mapped_column(default=0, server_default="0")
    """Position in the record of changes up to which this owner has read its notices."""
    notices_mailed_to: Mapped[int | None]
    """The same for those that went out by e-mail; empty: none did."""


class Invitation(Base):
    """A single-use right to become a user."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"))
    role: Mapped[str]
    created_at: Mapped[float]
    expires_at: Mapped[float]
    accepted_at: Mapped[float | None]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    """Empty: the command line."""


class SignIn(Base):
    """One browser that is signed in; found by the hash of its cookie."""

    __tablename__ = "sign_ins"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[float]
    last_seen_at: Mapped[float]
    confirmed_at: Mapped[float]
    """When the password was last typed; what touches keys asks for it anew after ten minutes."""
