"""Tables of applications: the application, its browser origins and its session public keys."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class Application(Base):
    """One host application of an organization."""

    __tablename__ = "applications"
    __table_args__ = (
        Index("ix_applications_organization_external_name", "organization_id", "external_name", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    name: Mapped[str]
    active: Mapped[bool]
    """False while paused: proxies refuse every request."""
    version: Mapped[int]
    """Grows with every change that proxies are told of."""
    policy: Mapped[bytes] = mapped_column(LargeBinary)
    """msgpack of `sealgate.policy.document.Policy`."""
    created_at: Mapped[float]
    external_name: Mapped[str | None]
    """The name that a program chose for it; empty for those that were made on a page."""
    erased_at: Mapped[float | None]
    """An erased application keeps id and name, for the record of changes and for usage; nothing else."""


class Origin(Base):
    """A browser origin whose pages may use the application."""

    __tablename__ = "origins"

    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[float]


class SessionKey(Base):
    """The public half of a key that the host's back end signs session tokens with."""

    __tablename__ = "session_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), index=True)
    name: Mapped[str]
    algorithm: Mapped[str]
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[float]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[float | None]
