"""Usage of what is billed by the picture or by the second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("usage", sa.Column("pictures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("usage", sa.Column("sound_ms", sa.Integer(), nullable=False, server_default="0"))
