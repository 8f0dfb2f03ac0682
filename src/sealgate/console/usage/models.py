"""Table of usage: numbers about one exchange each; no content, no address, no clear identity."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sealgate.console.database import Base


class Usage(Base):
    """One settled exchange, counted once by (proxy, epoch, sequence)."""

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("proxy", "epoch", "sequence", name="uq_usage_proxy_epoch_sequence"),
        Index("ix_usage_organization_started", "organization_id", "started_at"),
        Index("ix_usage_application_started", "application_id", "started_at"),
        # SQLite keeps a row's number behind what an index names: so lists in the order of counting (files,
        # the API) are read from where they go on, not sorted out of all rows for each piece.
        Index("ix_usage_organization_id", "organization_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    proxy: Mapped[str]
    epoch: Mapped[str]
    sequence: Mapped[int]
    request: Mapped[str]
    started_at: Mapped[float]
    organization_id: Mapped[str]
    application_id: Mapped[str]
    pseudonym: Mapped[str]
    endpoint: Mapped[str]
    action: Mapped[str]
    model: Mapped[str]
    outcome: Mapped[str]
    status: Mapped[int]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    estimated: Mapped[bool]
    first_byte_ms: Mapped[int]
    duration_ms: Mapped[int]
    pictures: Mapped[int] = mapped_column(server_default="0")
    sound_ms: Mapped[int] = mapped_column(server_default="0")
    """Milliseconds of sound that were heard, where the provider bills by them."""
    credential: Mapped[str] = mapped_column(server_default="")
    """The one that was asked last, at `origin`; empty in older rows, when the add-on's was the only one."""
    provider: Mapped[str] = mapped_column(server_default="")
    origin: Mapped[str] = mapped_column(server_default="")
    tries: Mapped[int] = mapped_column(server_default="1")
    """How often a request went up, at one source or several."""
    cost_nano_usd: Mapped[int | None] = mapped_column(BigInteger)
    """What the provider's price list makes of the tokens, in billionths of a US dollar; empty: no price."""
    price_table: Mapped[str | None]
    """The table that was looked at; empty: none yet."""
