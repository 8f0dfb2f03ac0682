"""Chained record of changes, tests of keys, costs, retention, members who can be removed."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from sealgate.console.audit.chain import START, Fields, Link, entry_hash
from sealgate.console.audit.head import Head, head_path, write_head

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("organizations") as batch_op:
        batch_op.add_column(sa.Column("retention_days", sa.Integer(), server_default="365", nullable=False))
        batch_op.add_column(sa.Column("retention_ran_at", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("retention_deleted", sa.Integer(), nullable=True))
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("removed_at", sa.Double(), nullable=True))
    with op.batch_alter_table("invitations") as batch_op:
        batch_op.add_column(sa.Column("created_by", sa.String(), nullable=True))
        batch_op.create_foreign_key(op.f("fk_invitations_created_by"), "users", ["created_by"], ["id"])
    with op.batch_alter_table("usage") as batch_op:
        batch_op.add_column(sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("price_table", sa.String(), nullable=True))
    op.create_table(
        "probes",
        sa.Column("credential", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("tested_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name=op.f("fk_probes_application_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_probes_user_id")),
        sa.PrimaryKeyConstraint("credential", "version", name=op.f("pk_probes")),
    )
    with op.batch_alter_table("probes") as batch_op:
        batch_op.create_index(batch_op.f("ix_probes_application_id"), ["application_id"], unique=False)
    _chain_audit()


def _chain_audit() -> None:
    """Give every entry there is its place in the chain, then close the table to changes."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT id, at, organization_id, application_id, user_id, what, detail FROM audit ORDER BY id"
        )
    )
    with op.batch_alter_table("audit") as batch_op:
        batch_op.add_column(sa.Column("token_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("hash", sa.LargeBinary(), nullable=True))
    update = sa.text("UPDATE audit SET id = :position, hash = :hash WHERE id = :id")
    last = START
    for position, (id_, *values) in enumerate(rows.fetchall(), 1):
        last = Link(position, entry_hash(last.hash, Fields(position, *values)))
        op.get_bind().execute(update, {"id": id_, "position": position, "hash": last.hash})
    with op.batch_alter_table("audit") as batch_op:
        batch_op.alter_column("hash", nullable=False)
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the record of changes is only added to'); END"
        )
    database = op.get_bind().engine.url.database
    if database and last != START:
        write_head(head_path(Path(database)), Head(last))
