"""Table of changes that people made: who, what, when; each row is chained to the one before.

Triggers of the database refuse updates and deletions, so that a defect of ours cannot do either.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class AuditEntry(Base):
    """One change. `user_id` is empty where the command line or the vault made it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    """Its position in the chain: from 1, without a gap."""
    at: Mapped[float]
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    application_id: Mapped[str | None] = mapped_column(ForeignKey("applications.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    what: Mapped[str]
    detail: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 over the hash of the row before and every field of this one (`chain`)."""
    token_id: Mapped[str | None]
    """The management token with which the user's program made it."""
