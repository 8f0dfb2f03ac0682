"""Table of changes that people made: who, what, when."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class AuditEntry(Base):
    """One change. `user_id` is empty where the command line or the vault made it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    application_id: Mapped[str | None] = mapped_column(ForeignKey("applications.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    what: Mapped[str]
    detail: Mapped[str]
