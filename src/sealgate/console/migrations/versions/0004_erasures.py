"""Erasures that were ordered, and what they leave of applications and organizations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_REFERENCES = {"organization_id": "organizations", "application_id": "applications", "user_id": "users"}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "erasure_orders",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("token_id", sa.String(), nullable=True),
        sa.Column("ordered_at", sa.Double(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.Column("settled_at", sa.Double(), nullable=True),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=op.f(f"fk_erasure_orders_{name}"))
            for name, table in _REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_erasure_orders")),
    )
    op.create_index(op.f("ix_erasure_orders_organization_id"), "erasure_orders", ["organization_id"])
    op.add_column("applications", sa.Column("erased_at", sa.Double(), nullable=True))
    op.add_column("organizations", sa.Column("erased_at", sa.Double(), nullable=True))
