"""Table of changes: the log that proxies follow with a cursor."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class Change(Base):
    """One change of one application's document; cursors are never used twice."""

    __tablename__ = "changes"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  (SQLAlchemy's own form)

    cursor: Mapped[int] = mapped_column(primary_key=True)
    application_id: Mapped[str]
    changed_at: Mapped[float]
