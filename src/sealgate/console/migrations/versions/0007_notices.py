"""Notices: how far each owner has read, which tickets were used, and where keys may go.

What happened before is no news: it is read, and its tickets are told of.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("notices_read_to", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("users", sa.Column("notices_mailed_to", sa.Integer(), nullable=True))
    op.add_column("tickets_asked", sa.Column("deposited_at", sa.Double(), nullable=True))
    op.create_table(
        "known_destinations",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "origin", name=op.f("pk_known_destinations")),
    )
    op.execute("UPDATE users SET notices_read_to = (SELECT coalesce(max(id), 0) FROM audit)")
    op.execute("UPDATE tickets_asked SET deposited_at = asked_at")
