"""Table of erasures that were ordered here, or by operators at the vault: what, by whom, and the receipt."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class ErasureOrder(Base):
    """One erasure. It is written before the vault is asked, so that a console that dies goes on with it."""

    __tablename__ = "erasure_orders"

    subject: Mapped[str] = mapped_column(primary_key=True)
    """Id of the credential, application or organization."""
    kind: Mapped[str]
    """An `ErasureKind`."""
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    application_id: Mapped[str | None] = mapped_column(ForeignKey("applications.id"))
    name: Mapped[str]
    """What people called it: a name, or a credential's destination. Never anything of a key."""
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    """Empty: an operator, at the vault."""
    token_id: Mapped[str | None]
    ordered_at: Mapped[float]
    receipt: Mapped[str | None]
    """Empty until the vault took the order."""
    settled_at: Mapped[float | None]
    """When the console's own rows of it were deleted."""
