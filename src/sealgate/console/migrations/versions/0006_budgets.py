"""Budgets of organizations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("organizations", sa.Column("budgets", sa.LargeBinary(), nullable=True))
