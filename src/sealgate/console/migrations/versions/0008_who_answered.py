"""Usage names the credential that was asked, and where; older rows were the add-on's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for name in ("credential", "provider", "origin"):
        op.add_column("usage", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("usage", sa.Column("tries", sa.Integer(), nullable=False, server_default="1"))
