"""Lists of usage in the order of counting are read from an index; each piece was sorted out of all rows."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_usage_organization_id", "usage", ["organization_id"])
