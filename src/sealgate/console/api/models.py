"""Table of management tokens: what a program shows instead of a sign-in.

A token is stored as SHA-256 of its 256 random bits; nobody can read one back.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class ManagementToken(Base):
    """A right to use the management API, made by an owner."""

    __tablename__ = "management_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    name: Mapped[str]
    scopes: Mapped[str]
    """Values of `Scope`, parted by spaces."""
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[float]
    last_used_at: Mapped[float | None]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
