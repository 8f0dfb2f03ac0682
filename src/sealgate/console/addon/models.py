"""Table of add-ons: which credential an application uses. The key is not here and never was."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class Addon(Base):
    """The activation on an application: a reference to a credential that the vault holds."""

    __tablename__ = "addons"

    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    active: Mapped[bool]
    credential: Mapped[str]
    provider: Mapped[str]
    origin: Mapped[str]
    next_credential: Mapped[str | None]
    """A credential for another destination that takes over as soon as its key is deposited."""
    next_provider: Mapped[str | None]
    next_origin: Mapped[str | None]


class TicketAsked(Base):
    """Who asked for the right to deposit which version of a credential."""

    __tablename__ = "tickets_asked"

    credential: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[float]
    deposited_at: Mapped[float | None]
    """When the console saw its key at the vault, and told the owners."""


class Probe(Base):
    """The last test of one version of a credential, and what it found."""

    __tablename__ = "probes"

    credential: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    model: Mapped[str]
    result: Mapped[str]
    """A `ProbeResult`, or `no_proxy` where none answered."""
    status: Mapped[int]
    duration_ms: Mapped[int]
    tested_at: Mapped[float]
